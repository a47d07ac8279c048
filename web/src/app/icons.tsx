// The few pictures of the page, drawn with the colour of the text.

export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M5 11.5c3.7-3.4 7.3-3.4 11 0s7.3 3.4 11 0" />
      <path d="M5 17c3.7-3.4 7.3-3.4 11 0s7.3 3.4 11 0" opacity=".75" />
      <path d="M5 22.5c3.7-3.4 7.3-3.4 11 0s7.3 3.4 11 0" opacity=".5" />
    </svg>
  );
}

const shapes = {
  overview: "M3 12h3.5l2.5-7 4 14 2.5-7H19",
  explore: "M4 18V9m5 9V4m5 14v-6m5 6V7",
  dashboards: "M4 4h6.5v7H4zM13.5 4H20v4.5h-6.5zM13.5 11.5H20V20h-6.5zM4 14h6.5v6H4z",
  health: "M12 20s-7.5-4.6-7.5-10A4.3 4.3 0 0 1 12 7.4 4.3 4.3 0 0 1 19.5 10c0 5.4-7.5 10-7.5 10z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4",
  moon: "M19.5 14.3A8 8 0 0 1 9.7 4.5a8 8 0 1 0 9.8 9.8z",
  system: "M4 5h16v11H4zM9 20h6M12 16v4",
  out: "M10 5H5v14h5M14 8l4 4-4 4M18 12H9",
  help: "M9.3 9.2a2.8 2.8 0 1 1 4 2.6c-.9.5-1.3 1-1.3 2M12 17.2v.1",
  up: "M12 19V6M6.5 11.5 12 6l5.5 5.5",
  left: "M19 12H6M11.5 6.5 6 12l5.5 5.5",
  right: "M5 12h13M12.5 6.5 18 12l-5.5 5.5",
  close: "M6 6l12 12M18 6 6 18",
  plus: "M12 5v14M5 12h14",
} as const;

export function Icon({ name, size = 18 }: { name: keyof typeof shapes; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path d={shapes[name]} />
    </svg>
  );
}
