"""What the supplier sends: 364 prices."""

import sys

with open(sys.argv[1], "w") as file:
    file.writelines(f"S{number:04};{1_000 + 7 * number % 900}\n" for number in range(364))
