"""document.py [LIST TSV DOCUMENT]: puts a full run into a document: its table between the two marks
there, and its plots into the folder beside it that has its name. Without arguments: the last run of
scripts/bench.sh, into docs/performance.md and docs/performance/*.svg. LIST is what `ward_bench --list`
prints."""

import datetime
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing beside the sources
import plot  # noqa: E402

BEGIN = "<!-- figures: written by bench/document.py -->\n"
END = "<!-- figures: end -->\n"
ROOT = pathlib.Path(__file__).resolve().parent.parent


def verdict(row, figure):
    if row.goal is None:
        return "", ""
    return (f"{'≥' if figure.is_more else '≤'} {row.goal:g}",
            "met" if row.is_met else "**missed**")


def ratio_of(row):
    if plot.has_meaning(row.ratio):
        return plot.plain(row.ratio)
    return "–" if row.ratio < 0 else "∞" if row.ratio > 0 else "0"


def rows_of(figure):
    name, ours = f"`{figure.name}`", plot.scaled(figure.ours, figure.unit)
    for row in figure.rows:
        cells = (name, ours, row.against, plot.scaled(row.theirs, figure.unit), ratio_of(row),
                 *verdict(row, figure))
        yield "| " + " | ".join(cells) + " |"
        name = ours = ""


def processor():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return ", " + line.split(":", 1)[1].strip()
    except OSError:
        pass
    return ""


def where_and_when(tsv):
    day = datetime.date.fromtimestamp(pathlib.Path(tsv).stat().st_mtime)
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{day}: Linux {kernel}, {os.cpu_count()} cores{processor()}."


def table(figures, tsv):
    goals = [row for figure in figures for row in figure.rows if row.goal is not None]
    met = sum(row.is_met for row in goals)
    return "\n".join(
        ["", f"{where_and_when(tsv)} {met} of {len(goals)} goals are met.", "",
         "| figure | ward | against | theirs | ratio | goal | |",
         "|---|---:|---|---:|---:|---|---|"]
        + [row for figure in figures for row in rows_of(figure)] + ["", ""])


def require_all(list_path, figures):
    """A document of some figures only would be half of this run and half of another."""
    names = {figure.name for figure in figures}
    for line in pathlib.Path(list_path).read_text().splitlines():
        name = line.split("\t")[0]
        if name not in names:
            sys.exit(f"{name} was not measured: it takes a full run")


def document(list_path, tsv, path):
    path = pathlib.Path(path)
    figures = plot.read(list_path, tsv)
    text = path.read_text()
    require_all(list_path, figures)
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        sys.exit(f"{path} needs a place for the table, between these two lines:\n{BEGIN}{END}")
    before, rest = text.split(BEGIN)
    behind = rest.split(END)[1]
    path.write_text(before + BEGIN + table(figures, tsv) + END + behind)
    plot.draw_all(figures, path.with_suffix(""))


def main():
    if len(sys.argv) == 4:
        return document(*sys.argv[1:])
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    listed = subprocess.check_output([ROOT / "build/release/bench/ward_bench", "--list"])
    with tempfile.NamedTemporaryFile() as listing:
        listing.write(listed)
        listing.flush()
        document(listing.name, ROOT / "build/bench.tsv", ROOT / "docs/performance.md")


if __name__ == "__main__":
    main()
