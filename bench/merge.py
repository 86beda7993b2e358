"""python3 -m bench.merge PART.json... -o WHOLE.json: result files of parts of one suite, as one file.

The heading is that of the first part, with the highest of each ceiling; a record keeps the limit that was
derived from its own part's ceilings."""

import argparse
import json

from . import results


def main():
    parser = argparse.ArgumentParser(prog="python3 -m bench.merge", description=__doc__)
    parser.add_argument("parts", nargs="+")
    parser.add_argument("-o", "--output", required=True)
    options = parser.parse_args()
    parts = [results.load(path) for path in options.parts]
    whole = dict(parts[0], records=[record for part in parts for record in part["records"]])
    if "ceilings" in whole:
        whole["ceilings"] = highest([part["ceilings"] for part in parts])
    with open(options.output, "w") as file:
        json.dump(whole, file, indent=1)


def highest(ceilings):
    return dict(ceilings[0],
                copy_bytes_per_second=max(c["copy_bytes_per_second"] for c in ceilings),
                matrix_flops={name: max(c["matrix_flops"][name] for c in ceilings)
                              for name in ceilings[0]["matrix_flops"]})


if __name__ == "__main__":
    main()
