//! The page's pictograms: strokes on a grid of 24, in the colour of the text beside them.

/** Strokes of each pictogram. */
const PATHS = {
  notifications: 'M6 16V11a6 6 0 0 1 12 0v5l1.500 2.500h-15L6 16ZM10 21.500h4',
  presence:
    'M12 12.500a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.500 20.500c.8-4 4-5.500 7.500-5.500s6.700 1.500 7.500 5.500',
  chat: 'M4 5.500h16v11h-9l-4.500 4v-4H4v-11ZM8 9.500h8M8 12.500h5',
  dashboard: 'M4 4v16h16M7.500 15.500l4-5 3 3 5-7',
  editing: 'M5 19l1-4.500L16.500 4 20 7.500 9.500 18 5 19ZM13.500 7l3.500 3.500',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 11v5M12 7.800v.2',
  success: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM8 12.300l2.800 2.700L16 9.500',
  warning: 'M12 4 2.800 20h18.400L12 4ZM12 10v4.500M12 17v.2',
  error: 'M8.300 3h7.400L21 8.300v7.400L15.700 21H8.300L3 15.700V8.300L8.300 3ZM12 8v5M12 16v.2',
  settings:
    'M4 7h9M17 7h3M4 17h3M11 17h9M15 9.200a2.200 2.200 0 1 0 0-4.400 2.200 2.200 0 0 0 0 4.400ZM9 19.200a2.200 2.200 0 1 0 0-4.400 2.200 2.200 0 0 0 0 4.400Z',
  unplug: 'M9 3v5M15 3v5M6.500 8h11v3.500a5.500 5.500 0 0 1-11 0V8ZM12 17v4M3 3l18 18',
  plug: 'M9 3v5M15 3v5M6.500 8h11v3.500a5.500 5.500 0 0 1-11 0V8ZM12 17v4',
  power: 'M12 3v8M7 6.200a8 8 0 1 0 10 0',
  pause: 'M8.500 5v14M15.500 5v14',
  play: 'M7 4.500v15l12-7.500-12-7.500Z',
  stop: 'M6 6h12v12H6z',
  clear: 'M5 7h14M10 7V4.500h4V7M7 7l1 13h8l1-13M10.500 10.500v6M13.500 10.500v6',
  send: 'M4 12 20.500 4 15 20.500l-3.500-6.500L4 12ZM11.500 14 20.500 4',
  close: 'M6 6l12 12M18 6 6 18',
  up: 'M12 19V5M6 11l6-6 6 6',
  down: 'M12 5v14M6 13l6 6 6-6',
  chevron: 'M6 9.500l6 6 6-6',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  check: 'M5 12.500 10 17.500 19.500 7',
  heart:
    'M12 20C5 15 3.500 11.500 3.500 8.800A4.300 4.300 0 0 1 12 7.500a4.300 4.300 0 0 1 8.500 1.300C20.500 11.500 19 15 12 20Z',
  server: 'M4 5h16v6H4zM4 13h16v6H4zM7.500 8h.2M7.500 16h.2',
} as const;

export type IconName = keyof typeof PATHS;

/** One pictogram. It decorates: what it means is said beside it. */
export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The sign of the house: one hop between two. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <path class="mark-wire" d="M6 22C8.500 7 23.500 7 26 22" />
      <circle class="mark-a" cx="6" cy="23" r="4" />
      <circle class="mark-b" cx="26" cy="23" r="4" />
    </svg>
  );
}
