"""The configuration of ten monitors: simplemonitor_files.py PORT"""

import pathlib
import sys

port = sys.argv[1]
kinds = {f"page{n}": f"type=http\nurl=http://127.0.0.1:{port}/products/{n}" for n in (1, 2, 3, 59)}
kinds |= {"users": f"type=http\nurl=http://127.0.0.1:{port}/users/1\nregexp=example", "port": f"type=tcp\nhost=127.0.0.1\nport={port}", "closed": "type=tcp\nhost=127.0.0.1\nport=1",
          "space": "type=diskspace\npartition=/\nlimit=1M", "command": "type=command\ncommand=true", "load": "type=loadavg\nmax=500.0"}
pathlib.Path("monitors.ini").write_text("\n".join(f"[{name}]\n{lines}\ntolerance=2\n" for name, lines in kinds.items()))
pathlib.Path("monitor.ini").write_text("[monitor]\ninterval=1\nmonitors=monitors.ini\n[reporting]\nloggers=table,status,file\n[table]\ntype=db\ndb_path=monitor.db\n"
                                       "[status]\ntype=dbstatus\ndb_path=status.db\n[file]\ntype=logfile\nfilename=monitor.log\n")
