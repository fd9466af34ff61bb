"""Hourly numbers of 150 drivers for Feast's quickstart, made by its own generator: feast_drivers.py FILE"""

import sys
from datetime import datetime, timedelta

from feast.driver_test_data import create_driver_hourly_stats_df

until = datetime.now().replace(microsecond=0, second=0, minute=0)
create_driver_hourly_stats_df(list(range(1001, 1151)), until - timedelta(days=15), until).to_parquet(sys.argv[1], allow_truncated_timestamps=True)
