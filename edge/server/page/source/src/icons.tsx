/** The pictograms: 24 by 24, drawn with one stroke. */
const PATHS = {
  send: "M4 12h14M12 5l7 7-7 7",
  stop: "M7 7h10v10H7z",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  ask: "M4 5h16v11H10l-5 4v-4H4z",
  packs: "M4 8l8-4 8 4v8l-8 4-8-4zM4 8l8 4 8-4M12 12v8",
  machine: "M5 19V9M12 19V5M19 19v-7M3 19h18",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  history: "M4 12a8 8 0 1 0 3-6.2M4 4v4h4M12 8v4l3 2",
  trash: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12",
  again: "M20 12a8 8 0 1 1-3-6.2M20 4v4h-4",
  copy: "M9 9h10v10H9zM15 9V5H5v10h4",
  print: "M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  down: "M5 9l7 7 7-7",
  outline: "M4 6h16M8 12h12M8 18h12M4 12h.5M4 18h.5",
  find: "M10.5 17a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13zM15.5 15.5L20 20",
  text: "M5 6h14M5 10h14M5 14h14M5 18h9",
  picture: "M6 3h9l4 4v14H6zM15 3v4h4M9 12h6M9 16h6",
  scan: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M4 12h16",
  check: "M5 12l5 5 9-10",
  alert: "M12 4l9 16H3zM12 10v4M12 17v.5",
  page: "M14 5h5v14H5V5h5M12 3v9M8.500 8.500L12 12l3.500-3.500",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
