//! How long ago something was, how long something lasts.

import { useNow } from '../store/store';

/** `12 s`, `3 min`, `2 h`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}

/** `just now`, `12 s ago`, `3 min ago`. */
function ago(time: number, now: number): string {
  return now - time < 5000 ? 'just now' : `${duration(now - time)} ago`;
}

/** How long ago something was, kept fresh. */
export function Ago({ time }: { time: number }) {
  const now = useNow(5000);
  return (
    <time dateTime={new Date(time).toISOString()} title={new Date(time).toLocaleTimeString()}>
      {ago(time, now)}
    </time>
  );
}

/** For how long something has been so, kept fresh. */
export function Lasting({ since }: { since: number }) {
  const now = useNow(1000);
  return <time title={new Date(since).toLocaleTimeString()}>{duration(now - since)}</time>;
}
