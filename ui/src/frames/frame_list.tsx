//! The frames of one pane, as they pass.

import { Component, createRef } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { Icon } from '../parts/icons';
import { Segmented } from '../parts/segmented';
import { useValue, useValueSlowly } from '../store/store';
import { commandOf, EVERYTHING, passes, prettyBody, summaryOf } from './frame_log';

import type { Side } from '../playground';
import type { Filter, FrameLog, LoggedFrame } from './frame_log';

/** Below this width the list begins closed. */
const NARROW = '(max-width: 760px)';

/** Frames may come faster than anybody reads them. */
const RENDER_MS = 80;

export function FrameList({ log, side }: { log: FrameLog; side: Side }) {
  const { frames, total, isPaused, missed } = useValueSlowly(log.view, RENDER_MS);
  const [filter, setFilter] = useState<Filter>(EVERYTHING);
  const [isOpen, setOpen] = useState(() => !matchMedia(NARROW).matches);
  const shown = frames.filter((frame) => passes(frame, filter));
  return (
    <div class="frames">
      <div class="frames-head">
        <h3>
          <button
            type="button"
            class="frames-toggle"
            aria-expanded={isOpen}
            onClick={() => setOpen(!isOpen)}
          >
            <Icon name="chevron" size={16} />
            Frames <span class="count">{total}</span>
          </button>
        </h3>
        {isOpen && <Tools log={log} side={side} filter={filter} onFilter={setFilter} />}
      </div>
      {isOpen && (
        <>
          <Rows frames={shown} isPaused={isPaused} />
          {isPaused && (
            <p class="frames-note" role="status">
              Paused; {missed} passed unseen.
            </p>
          )}
        </>
      )}
    </div>
  );
}

function Tools(properties: {
  log: FrameLog;
  side: Side;
  filter: Filter;
  onFilter: (filter: Filter) => void;
}) {
  const { log, side, filter, onFilter } = properties;
  const { isPaused } = useValue(log.view);
  return (
    <div class="frames-tools">
      <input
        type="search"
        placeholder="Filter"
        aria-label="Filter frames by words"
        value={filter.text}
        onInput={(event) => onFilter({ ...filter, text: event.currentTarget.value })}
      />
      <Segmented
        name={`direction-${side}`}
        label="Direction"
        options={[
          { value: 'both', label: 'All' },
          { value: 'out', label: 'Out' },
          { value: 'in', label: 'In' },
        ]}
        value={filter.direction}
        onChange={(direction) => onFilter({ ...filter, direction })}
      />
      <button
        type="button"
        class="tool"
        aria-pressed={filter.hasHeartbeats}
        onClick={() => onFilter({ ...filter, hasHeartbeats: !filter.hasHeartbeats })}
        title="Show heart-beats"
        aria-label="Show heart-beats"
      >
        <Icon name="heart" size={16} />
      </button>
      <button
        type="button"
        class="tool"
        aria-pressed={isPaused}
        onClick={() => (isPaused ? log.resume() : log.pause())}
        title={isPaused ? 'Go on' : 'Pause'}
        aria-label="Pause"
      >
        <Icon name={isPaused ? 'play' : 'pause'} size={16} />
      </button>
      <button
        type="button"
        class="tool"
        onClick={() => log.clear()}
        title="Clear"
        aria-label="Clear the frames"
      >
        <Icon name="clear" size={16} />
      </button>
    </div>
  );
}

/** The rows; stays at the newest while the reader is there. */
function Rows({ frames, isPaused }: { frames: readonly LoggedFrame[]; isPaused: boolean }) {
  const list = useRef<HTMLOListElement>(null);
  const isAtEnd = useRef(true);
  const lastTop = useRef(0);
  const newest = frames.at(-1)?.number;
  useEffect(() => {
    const { current } = list;
    if (current && isAtEnd.current && !isPaused) current.scrollTop = current.scrollHeight;
  }, [newest, isPaused]);
  return (
    <ol
      class="frame-rows"
      ref={list}
      tabIndex={0}
      aria-label="Frames"
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        // Rows that arrive do not scroll up: only a reader does.
        if (scrollTop < lastTop.current) isAtEnd.current = false;
        if (scrollHeight - scrollTop - clientHeight < 24) isAtEnd.current = true;
        lastTop.current = scrollTop;
      }}
    >
      {frames.length === 0 && <li class="frames-empty">No frames here.</li>}
      {frames.map((logged) => (
        <Row key={logged.number} logged={logged} onOpen={() => (isAtEnd.current = false)} />
      ))}
    </ol>
  );
}

interface RowProperties {
  logged: LoggedFrame;
  onOpen: () => void;
}

/** One frame. It never changes, so it renders again only when it is opened or closed. */
class Row extends Component<RowProperties, { isOpen: boolean }> {
  override state = { isOpen: false };
  readonly #row = createRef<HTMLLIElement>();

  override shouldComponentUpdate(_: RowProperties, { isOpen }: { isOpen: boolean }): boolean {
    return isOpen !== this.state.isOpen;
  }

  override componentDidUpdate(): void {
    if (this.state.isOpen) this.#row.current?.scrollIntoView({ block: 'nearest' });
  }

  readonly #toggle = (): void => {
    const { isOpen } = this.state;
    // Who reads a frame does not want it to move away.
    if (!isOpen) this.props.onOpen();
    this.setState({ isOpen: !isOpen });
  };

  override render() {
    const { direction, time, frame } = this.props.logged;
    const { isOpen } = this.state;
    const command = commandOf(frame);
    const isOut = direction === 'out';
    return (
      <li class={`frame frame-${direction} command-${command.toLowerCase()}`} ref={this.#row}>
        <button type="button" aria-expanded={isOpen} onClick={this.#toggle}>
          <time>{clock(time)}</time>
          {/* A letter: hundreds of pictures would cost more than all else on the page. */}
          <span class="frame-arrow" role="img" aria-label={isOut ? 'sent' : 'received'}>
            {isOut ? '↑' : '↓'}
          </span>
          <b>{command}</b>
          <span class="frame-summary">{summaryOf(frame)}</span>
        </button>
        {isOpen && <Detail logged={this.props.logged} />}
      </li>
    );
  }
}

function Detail({ logged: { frame } }: { logged: LoggedFrame }) {
  return (
    <div class="frame-detail">
      <dl>
        {Object.entries(frame.headers).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {frame.body && <pre>{prettyBody(frame.body)}</pre>}
    </div>
  );
}

function clock(time: number): string {
  const date = new Date(time);
  const two = (value: number): string => String(value).padStart(2, '0');
  const milliseconds = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
}
