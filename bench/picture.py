"""Pictures of results: SVG, written by hand."""

import html

OURS, PEER, FLOOR = "#1565c0", "#b0bec5", "#9ccc65"


def number(value):
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def colour_of(name):
    return OURS if name.lower().startswith("millrace") else FLOOR if "floor" in name.lower() or "raw" in name.lower() else PEER


def bars(title, groups, unit, logarithmic=False, own_scales=False):
    """Horizontal bars. `groups`: {group: {name: {"median", "min", "max"} or None}}; the line on a bar is its spread. With `own_scales` the longest
    bar of each group is as long as the picture is wide."""
    import math

    label_width, width, row, y = 300, 520, 20, 60
    values = [found["max"] for group in groups.values() for found in group.values() if found]
    positive = [found["min"] for group in groups.values() for found in group.values() if found and found["min"] > 0]
    most = max(values, default=1) or 1
    least = min(positive, default=1)

    def x(value):
        if own_scales:
            return label_width + width * value / max([found["max"] for found in bars_of.values() if found], default=1)
        if not logarithmic:
            return label_width + width * value / most
        low = math.floor(math.log10(least)) - (0.3 if least == most else 0)
        high = math.log10(most)
        return label_width + width * max(0.0, (math.log10(max(value, 10**low)) - low) / max(high - low, 1e-9))

    parts = []
    for group, bars_of in groups.items():
        parts.append(f'<text x="10" y="{y + 14}" font-weight="bold">{html.escape(str(group))}</text>')
        y += row + 4
        for name, found in bars_of.items():
            parts.append(f'<text x="{label_width - 8}" y="{y + 13}" text-anchor="end">{html.escape(name)}</text>')
            if found:
                parts.append(f'<rect x="{label_width}" y="{y + 2}" width="{max(x(found["median"]) - label_width, 1):.1f}" height="{row - 6}" fill="{colour_of(name)}"/>')
                parts.append(f'<line x1="{x(found["min"]):.1f}" x2="{x(found["max"]):.1f}" y1="{y + row / 2 - 1}" y2="{y + row / 2 - 1}" stroke="#333" stroke-width="1.5"/>')
                parts.append(f'<text x="{max(x(found["max"]), x(found["median"])) + 6:.1f}" y="{y + 13}">{number(found["median"])}</text>')
            y += row
        y += 8
    scale = " (logarithmic)" if logarithmic else " (each group has a scale of its own)" if own_scales else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 {y + 10}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="900" height="{y + 10}" fill="white"/>\n<text x="10" y="24" font-size="15">{html.escape(title)}</text>\n'
        f'<text x="10" y="44" fill="#555">{html.escape(unit)}{scale}; the thin line goes from the least to the most of the runs</text>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def lines(title, series, x_unit, y_unit):
    """`series`: {name: [(x, y), …]}; y from 0."""
    colours = ["#1565c0", "#ef6c00", "#2e7d32", "#6a1b9a", "#455a64"]
    left, top, width, height = 70, 60, 780, 260
    points = [point for line in series.values() for point in line]
    x_most, y_most = max((x for x, _ in points), default=1) or 1, (max((y for _, y in points), default=1) or 1) * 1.1
    parts = []
    for i in range(5):
        y = top + height * (1 - i / 4)
        parts.append(f'<line x1="{left}" x2="{left + width}" y1="{y}" y2="{y}" stroke="#ddd"/><text x="{left - 6}" y="{y + 4}" text-anchor="end">{number(y_most * i / 4)}</text>')
    for i, (name, line) in enumerate(series.items()):
        path = " ".join(f"{left + width * x / x_most:.1f},{top + height * (1 - y / y_most):.1f}" for x, y in line)
        parts.append(f'<polyline fill="none" stroke="{colours[i % 5]}" stroke-width="1.5" points="{path}"/>')
        parts.append(f'<rect x="{left + 150 * i}" y="{top + height + 30}" width="12" height="4" fill="{colours[i % 5]}"/><text x="{left + 150 * i + 18}" y="{top + height + 36}">{html.escape(name)}</text>')
    parts.append(f'<text x="{left + width}" y="{top + height + 16}" text-anchor="end">{number(x_most)} {html.escape(x_unit)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 380" font-family="sans-serif" font-size="12">\n<rect width="900" height="380" fill="white"/>\n'
        f'<text x="10" y="24" font-size="15">{html.escape(title)}</text>\n<text x="10" y="44" fill="#555">{html.escape(y_unit)}</text>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def curves(title, series, x_unit, y_unit):
    """Both axes logarithmic. `series`: {name: [(x, {"median", "min", "max"}), …]}; the thin upright line goes from the least to the most of the runs."""
    import math

    colours = {True: ["#0d47a1", "#1976d2", "#42a5f5", "#90caf9"], False: ["#bf360c", "#e64a19", "#ff7043", "#8d6e63", "#bcaaa4", "#6a1b9a", "#ab47bc", "#2e7d32", "#66bb6a"]}
    left, top, width, height = 70, 60, 560, 420
    points = [point for line in series.values() for point in line]
    xs = sorted({x for x, _ in points})
    low, high = math.floor(math.log10(min(found["min"] for _, found in points))), math.ceil(math.log10(max(found["max"] for _, found in points)))

    def at(x, y):
        across = (math.log(x) - math.log(xs[0])) / max(math.log(xs[-1]) - math.log(xs[0]), 1e-9)
        return left + width * across, top + height * (1 - (math.log10(max(y, 10**low)) - low) / max(high - low, 1e-9))

    parts = []
    for power in range(low, high + 1):
        y = at(xs[0], 10**power)[1]
        parts.append(f'<line x1="{left}" x2="{left + width}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/><text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{number(10**power)}</text>')
    for x in xs:
        parts.append(f'<text x="{at(x, 10**low)[0]:.1f}" y="{top + height + 18}" text-anchor="middle">{number(x)}</text>')
    parts.append(f'<text x="{left + width / 2}" y="{top + height + 36}" text-anchor="middle">{html.escape(x_unit)}</text>')
    used, names = {True: 0, False: 0}, []
    for name, line in series.items():
        ours = name.lower().startswith("millrace")
        colour = colours[ours][used[ours] % len(colours[ours])]
        used[ours] += 1
        path = " ".join("{:.1f},{:.1f}".format(*at(x, found["median"])) for x, found in line)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="{2.5 if ours else 1.5}" points="{path}"/>')
        for x, found in line:
            across, y = at(x, found["median"])
            parts.append(f'<circle cx="{across:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            parts.append(f'<line x1="{across:.1f}" x2="{across:.1f}" y1="{at(x, found["min"])[1]:.1f}" y2="{at(x, found["max"])[1]:.1f}" stroke="{colour}"/>')
        names.append([at(*[(x, found["median"]) for x, found in line][-1])[1], name, colour])
    # Names stand at their line's end, moved apart where they would lie on each other.
    names.sort()
    for i in range(1, len(names)):
        names[i][0] = max(names[i][0], names[i - 1][0] + 15)
    for y, name, colour in names:
        parts.append(f'<text x="{left + width + 12}" y="{y + 4:.1f}" fill="{colour}">{html.escape(name)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 540" font-family="sans-serif" font-size="12">\n<rect width="900" height="540" fill="white"/>\n'
        f'<text x="10" y="24" font-size="15">{html.escape(title)}</text>\n<text x="10" y="44" fill="#555">{html.escape(y_unit)} (both axes logarithmic)</text>\n' + "\n".join(parts) + "\n</svg>\n"
    )
