"""The private PostgreSQL cluster and its data directory."""

from gis.cluster.data_dir import data_dir_lock, reachable
from gis.cluster.private_cluster import Cluster, login_url

__all__ = [
    "Cluster",
    "data_dir_lock",
    "login_url",
    "reachable",
]
