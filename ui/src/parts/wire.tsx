//! The wire between the panes: a spark for every frame that passes.

import { useEffect, useRef } from 'preact/hooks';

import { Mark } from './icons';

import type { Direction, FrameView } from '@hopwire/client';
import type { Pane, Side } from '../playground';

/** Sparks on their way at one time; beyond, frames pass unseen. */
const SPARKS_MAX = 24;
const HOP_MS = 420;

export function Wire({ panes }: { panes: readonly [Pane, Pane] }) {
  const track = useRef<HTMLDivElement>(null);
  const hub = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const stops = panes.map(({ peer, side }) =>
      peer.onFrame((direction, frame) => {
        if (track.current && hub.current) spark(track.current, hub.current, side, direction, frame);
      }),
    );
    return () => stops.forEach((stop) => stop());
  }, [panes]);

  return (
    <div class="wire" aria-hidden="true">
      <div class="wire-track" ref={track}>
        <span class="wire-line wire-line-a" />
        <span class="wire-line wire-line-b" />
      </div>
      <div class="wire-hub" ref={hub}>
        <Mark size={22} />
        <span>broker</span>
      </div>
    </div>
  );
}

/** Lets one spark run along a pane's half of the wire. */
function spark(
  track: HTMLElement,
  hub: HTMLElement,
  side: Side,
  direction: Direction,
  { command }: FrameView,
): void {
  const isShown = command === 'SEND' || command === 'MESSAGE' || command === 'ERROR';
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
  if (!isShown || isStill || document.hidden) return;
  if (track.querySelectorAll('.spark').length >= SPARKS_MAX) return;
  const dot = document.createElement('span');
  dot.className = `spark spark-${command === 'ERROR' ? 'error' : side}`;
  track.append(dot);
  const { clientWidth: width, clientHeight: height } = track;
  const end = side === 'a' ? width * 0.25 : width * 0.75;
  const middle = height / 2;
  const path = [
    `translate(${end}px, ${height}px)`,
    `translate(${end}px, ${middle}px)`,
    `translate(${width / 2}px, ${middle}px)`,
  ];
  // The broker takes its time only on the screen: what goes out is seen before what comes in.
  const timing = {
    duration: HOP_MS,
    easing: 'ease-in-out',
    delay: direction === 'in' ? HOP_MS : 0,
  };
  const frames = [0, 0.12, 1].map((offset, index) => ({ transform: path[index] ?? '', offset }));
  const animation = dot.animate(frames, {
    ...timing,
    direction: direction === 'in' ? 'reverse' : 'normal',
    // Before its turn a spark waits behind the broker.
    fill: 'both',
  });
  animation.onfinish = () => {
    dot.remove();
    if (direction === 'out') {
      hub.animate([{ scale: 1 }, { scale: 1.06 }, { scale: 1 }], { duration: 180 });
    }
  };
}
