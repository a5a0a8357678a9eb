"""Latency distributions as SVG, by hand: a few lines and some text need no library.

Both axes suit the tail: milliseconds are logarithmic, and the share of requests counts nines, so
that p90, p99 and p99.9 are at equal distances.
"""

import math
from pathlib import Path

WIDTH, HEIGHT = 900, 520
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 40, 60
NINES_MAX = 3.3
COLOURS = [
    "#1b6ca8", "#4a9fd8", "#8cc7ee", "#d1495b", "#edae49", "#c77f1a", "#66a182", "#2e4057",
    "#8d6a9f", "#b892c9", "#7a7a7a", "#a3a3a3", "#5c8001", "#9bc53d", "#c3e06c", "#e07a5f",
    "#d81b9a",
]  # fmt: skip
TICKS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000]
TICKS_PERCENT = ["50", "75", "90", "99", "99.9"]


def draw_all(results, folder):
    """One plot per load in `folder`; links to them."""
    folder.mkdir(parents=True, exist_ok=True)
    prefix = results.scenario.section.rpartition(":")[2].strip().replace(" ", "-")
    links = []
    for load in results.loads:
        curves = [("optimum", pooled(results, next(iter(results.whats)), load, "optimum"))]
        curves += [(peer, pooled(results, peer, load, "times")) for peer in results.whats]
        path = folder / f"{prefix}-{load:g}.svg"
        path.write_text(draw(f"{results.scenario.section}, load {load:g}", curves))
        links.append(f"[load {load:g}]({shown(path)})")
    return links


def shown(path):
    """The path as RESULTS.md has to write it."""
    bench = Path(__file__).resolve().parent.parent
    return path.resolve().relative_to(bench)


def pooled(results, peer, load, which):
    return sorted(sum(results.per_round(peer, load, which), []))


def draw(title, curves):
    low = max(1.0, min(values[0] for _, values in curves) / 1000)
    high = max(values[-1] for _, values in curves) / 1000
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(LEFT, TOP - 16, title, size=15),
        *grid(low, high),
    ]
    for index, (name, values) in enumerate(curves):
        colour = "black" if index == 0 else COLOURS[(index - 1) % len(COLOURS)]
        dash = ' stroke-dasharray="5 4"' if index == 0 else ""
        points = " ".join(curve(values, low, high))
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.6"{dash} points="{points}"/>'
        )
        y = TOP + 8 + 18 * index
        x = WIDTH - RIGHT + 16
        parts.append(f'<path d="M{x} {y}h22" stroke="{colour}" stroke-width="3"{dash}/>')
        parts.append(text(x + 28, y + 4, name))
    return "\n".join([*parts, "</svg>\n"])


def curve(values, low, high):
    """Points of a sorted list: milliseconds at each share. One per pixel is enough."""
    last = (-1, -1)
    for index, value in enumerate(values):
        nines = min(-math.log10(1 - index / len(values)), NINES_MAX)
        point = across(value / 1000, low, high), down(nines)
        if abs(point[0] - last[0]) + abs(point[1] - last[1]) >= 1 or index == len(values) - 1:
            yield f"{point[0]:.1f},{point[1]:.1f}"
            last = point


def grid(low, high):
    for tick in TICKS_MS:
        if low <= tick <= high:
            x = across(tick, low, high)
            yield line(x, TOP, x, HEIGHT - BOTTOM)
            yield text(x, HEIGHT - BOTTOM + 18, f"{tick}", anchor="middle")
    for percent in TICKS_PERCENT:
        y = down(-math.log10(1 - float(percent) / 100))
        yield line(LEFT, y, WIDTH - RIGHT, y)
        yield text(LEFT - 8, y + 4, f"{percent} %", anchor="end")
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, "milliseconds", anchor="middle")


def across(ms, low, high):
    share = math.log(max(ms, low) / low) / max(math.log(high / low), 1e-9)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def down(nines):
    return HEIGHT - BOTTOM - nines / NINES_MAX * (HEIGHT - TOP - BOTTOM)


def line(x1, y1, x2, y2):
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="#ddd" fill="none"/>'


def text(x, y, words, anchor="start", size=12):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{words}</text>'
    )
