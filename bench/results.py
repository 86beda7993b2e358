"""Result files of `faltung bench --json` and `bench.peers`, joined problem by problem."""

import json
import math
from dataclasses import dataclass


@dataclass
class Row:
    """One problem: what the dispatcher chose, every engine that was timed, every peer."""

    problem: str
    family: str
    chosen: dict
    engines: dict
    peers: dict
    failed_peers: dict

    @property
    def ours(self):
        return self.chosen.get("median_us") if self.chosen else None

    @property
    def best_peer(self):
        """(name, microseconds) of the fastest peer, or None."""
        return min(((n, p["median_us"]) for n, p in self.peers.items()), key=lambda item: item[1], default=None)

    @property
    def speedup(self):
        return self.best_peer[1] / self.ours if self.ours and self.best_peer else None

    @property
    def fraction(self):
        return self.chosen.get("fraction") if self.chosen else None

    @property
    def regret(self):
        """Time of the chosen engine over that of the best one timed; 1 is a perfect choice."""
        times = [r["median_us"] for r in self.engines.values() if "median_us" in r]
        return self.ours / min(times) if self.ours and times else None


def load(path):
    with open(path) as file:
        return json.load(file)


def join(ours, peer_files):
    rows = {}
    for record in ours["records"]:
        row = rows.setdefault(record["problem"], Row(record["problem"], record["family"], {}, {}, {}, {}))
        if record.get("chosen"):
            row.chosen = record
        if "engine" in record:
            row.engines[record["engine"]] = record
    for record in (r for peers in peer_files for r in peers["records"]):
        if record["problem"] in rows:
            rows[record["problem"]].peers.update(record["peers"])
            rows[record["problem"]].failed_peers.update(record["failed"])
    return list(rows.values())


def families(rows):
    """Rows by family, in the order of the suite."""
    groups = {}
    for row in rows:
        groups.setdefault(row.family, []).append(row)
    return groups


def geometric_mean(values):
    values = [v for v in values if v]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None
