// Colours of charts, from the style sheet, so that light and dark have their own.

export interface Palette {
  lines: string[];
  text: string;
  grid: string;
  muted: string;
}

export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    lines: [1, 2, 3, 4, 5, 6, 7, 8].map((i) => read(`--line-${i}`)),
    text: read("--text-2"),
    grid: read("--grid"),
    muted: read("--line-muted"),
  };
}
