"""plot.py LIST TSV FOLDER: draws build/bench.tsv as one SVG a group of figures: horizontal bars
of ward / theirs, on a logarithmic axis, with the goals. LIST is what `ward_bench --list` prints:

    python3 bench/plot.py <(build/release/bench/ward_bench --list) build/bench.tsv FOLDER

document.py draws them into the documents."""

import collections
import html
import math
import pathlib
import sys

# File, title, and which figures: by the beginning of their names; rates go to the first.
GROUPS = [
    ("rates", "Rates", ()),
    ("asks", "Question and answer", ("ask_",)),
    ("processes", "Restart and spawn", ("restart", "spawn_")),
    ("crowd", "Many workers", ("",)),
]
MORE = "ward / theirs: more is better"
LESS = "ward / theirs: less is better"

WIDTH, LEFT, RIGHT = 920, 220, 240  # the bars are between
TOP, ROW, HEAD, GAP, BOTTOM = 66, 22, 24, 12, 34

# Spelled out twice: not everything that shows an SVG knows variables.
COLOURS = """
  .back {{ fill: {back}; }} text {{ fill: {text}; }} .dim {{ fill: {dim}; }}
  .grid {{ stroke: {grid}; }} .one {{ stroke: {dim}; }} .goal {{ stroke: {text}; }}
  .met {{ fill: {met}; }} .missed {{ fill: {missed}; }} .free {{ fill: {free}; }}
"""
LIGHT = COLOURS.format(back="#ffffff", text="#1f2328", dim="#59636e", grid="#d8dee4",
                       met="#1a7f37", missed="#d1571b", free="#7d9cc8")
DARK = COLOURS.format(back="#0d1117", text="#e6edf3", dim="#9198a1", grid="#2a313a",
                      met="#3fb950", missed="#e07b39", free="#5878a8")
STYLE = f"""
  text {{ font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }}
  .dim {{ font-size: 12px; }}
  .title {{ font-size: 17px; font-weight: 600; }}
  .figure {{ font-weight: 600; }}
  .one {{ stroke-width: 1.5; }}
  .goal {{ stroke-width: 2.5; }}
  {LIGHT}
  @media (prefers-color-scheme: dark) {{ {DARK} }}
"""

Row = collections.namedtuple("Row", "against theirs ratio goal is_met")


class Figure:
    def __init__(self, name, ours, unit, is_more):
        self.name, self.ours, self.unit, self.is_more = name, ours, unit, is_more
        self.rows = []


def scaled(value, unit):
    if unit == "us":
        for factor, name in ((1e6, "s"), (1e3, "ms"), (1, "µs")):
            if value >= factor or factor == 1:
                return f"{plain(value / factor)} {name}"
    if unit.startswith(("/s", "bytes")):
        unit = unit.replace("bytes", "B")
        for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
            if value >= factor:
                return f"{plain(value / factor)} {prefix}{unit}"
    return f"{value:.4g} {unit}"


def plain(value):
    """Three digits that count, without an exponent."""
    if value <= 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}"


def has_meaning(ratio):
    """Where theirs is 0, or less than nothing, it has none."""
    return ratio > 0 and math.isfinite(ratio)


def read(list_path, tsv_path):
    goals = {}
    for line in pathlib.Path(list_path).read_text().splitlines():
        name, against, sense, goal = line.split("\t")
        if sense != "none":
            goals[name, against] = float(goal)
    figures = {}
    for line in pathlib.Path(tsv_path).read_text().splitlines():
        name, ours, unit, against, theirs, ratio = line.split("\t")
        figure = figures.setdefault(
            name, Figure(name, float(ours), unit, unit.endswith("/s")))
        goal, ratio = goals.get((name, against)), float(ratio)
        is_met = goal is not None and (ratio >= goal if figure.is_more else ratio <= goal)
        figure.rows.append(Row(against, float(theirs), ratio, goal, is_met))
    return list(figures.values())


def group_of(figure):
    if figure.is_more:
        return "rates"
    return next(name for name, _, starts in GROUPS if figure.name.startswith(starts))


class Axis:
    """A logarithmic one, from and to 1, 2 or 5 times a power of ten; 1 is always on it."""

    def __init__(self, figures):
        values = [1.0]
        for figure in figures:
            for row in figure.rows:
                values += [v for v in (row.ratio, row.goal) if v and has_meaning(v)]
        steps = [m * 10.0**e for e in range(-7, 8) for m in (1, 2, 5)]
        self.low = max(s for s in steps if s <= min(values) * 0.95)
        self.high = min(s for s in steps if s >= max(values) * 1.05)
        wide = math.log10(self.high / self.low) > 2.4
        self.ticks = [s for s in steps if self.low <= s <= self.high
                      and (not wide or math.log10(s).is_integer())]

    def at(self, value):
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(share, 0), 1)


def text(x, y, words, style="", anchor="start"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" '
            f'text-anchor="{anchor}">{html.escape(words)}</text>')


def line(x1, y1, x2, y2, style):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def draw_row(row, figure, axis, y):
    parts = [text(LEFT - 10, y + 15, row.against, "", "end")]
    style = "free" if row.goal is None else "met" if row.is_met else "missed"
    if row.ratio > 0:  # one that is infinite ends with the axis
        begin, end = sorted((axis.at(1), axis.at(row.ratio)))
        parts.append(f'<rect x="{begin:.1f}" y="{y + 4}" width="{max(end - begin, 1):.1f}" '
                     f'height="{ROW - 8}" rx="2" class="{style}"/>')
    words = scaled(row.theirs, figure.unit)
    if has_meaning(row.ratio):
        words = f"{plain(row.ratio)} × {words}"
    parts.append(text(WIDTH - RIGHT + 14, y + 15, words))
    if row.goal is not None:
        x = axis.at(row.goal) if row.goal > 0 else axis.at(axis.low)
        parts.append(line(x, y, x, y + ROW, "goal"))
        parts.append(text(WIDTH - 14, y + 15, f"goal {'≥' if figure.is_more else '≤'} "
                          f"{row.goal:g}", "dim", "end"))
    return parts


def draw_legend(axis):
    parts = [text(LEFT, 46, MORE if axis.is_more else LESS, "dim")]
    x = WIDTH - RIGHT - 140
    for style, words in (("met", "goal met"), ("missed", "goal missed"), ("free", "no goal")):
        parts.append(f'<rect x="{x}" y="36" width="11" height="11" rx="2" class="{style}"/>')
        parts.append(text(x + 16, 46, words, "dim"))
        x += 38 + 6 * len(words)
    parts += [line(x + 4, 35, x + 4, 48, "goal"), text(x + 12, 46, "goal", "dim")]
    return parts


def draw(title, figures):
    axis = Axis(figures)
    axis.is_more = figures[0].is_more
    y, parts = TOP, []
    for figure in figures:
        parts.append(text(14, y + 15, figure.name, "figure"))
        parts.append(text(WIDTH - RIGHT + 14, y + 15,
                          f"ward: {scaled(figure.ours, figure.unit)}", "figure"))
        y += HEAD
        for row in figure.rows:
            parts += draw_row(row, figure, axis, y)
            y += ROW
        y += GAP
    bottom = y - GAP + 6
    back = [text(14, 26, title, "title")] + draw_legend(axis)
    for tick in axis.ticks:
        x = axis.at(tick)
        back.append(line(x, TOP - 4, x, bottom, "one" if tick == 1 else "grid"))
        back.append(text(x, bottom + 17, f"{tick:g}", "dim", "middle"))
    height = bottom + BOTTOM
    return "\n".join(
        [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
         f'width="{WIDTH}" height="{height}" role="img">',
         f"<title>{html.escape(title)}: {MORE if axis.is_more else LESS}</title>",
         f"<style>{STYLE}</style>", '<rect width="100%" height="100%" class="back"/>']
        + back + parts + ["</svg>", ""])


def draw_all(figures, folder):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    for name, title, _ in GROUPS:
        members = [figure for figure in figures if group_of(figure) == name]
        if members:
            path = pathlib.Path(folder, f"{name}.svg")
            path.write_text(draw(title, members))
            print(path)


def main(list_path, tsv_path, folder):
    figures = read(list_path, tsv_path)
    if not figures:
        sys.exit(f"{tsv_path} has no figures")
    draw_all(figures, folder)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
