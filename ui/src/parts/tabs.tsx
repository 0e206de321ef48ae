//! The five scenarios: a list of tabs, moved through with the arrow keys.

import { useRef } from 'preact/hooks';

import { BOARD, DOCUMENT, EXCHANGES, ROOM } from '../broker/scenario';
import { useValue } from '../store/store';
import { Icon } from './icons';

import type { Exchange } from '../broker/scenario';
import type { Playground } from '../playground';

/** What a scenario is called, what it is for, and where its messages go. */
interface About {
  readonly title: string;
  readonly line: string;
  readonly keys: readonly string[];
}

export const ABOUT: Record<Exchange, About> = {
  notifications: {
    title: 'Notifications',
    line: 'Tell one user something, or all of them.',
    keys: ['user.<id>', 'broadcast'],
  },
  presence: {
    title: 'Online status',
    line: 'Who is here, and what they are doing.',
    keys: ['user.<id>', 'broadcast'],
  },
  chat: {
    title: 'Chat',
    line: 'A room for all, a direct line for two.',
    keys: [`room.${ROOM}`, 'user.<id>'],
  },
  dashboard: {
    title: 'Dashboard',
    line: 'Figures that move while you watch.',
    keys: [`metrics.${BOARD}`, `alerts.${BOARD}`],
  },
  editing: {
    title: 'Editing',
    line: 'One text, two writers, at the same time.',
    keys: [`document.${DOCUMENT}`],
  },
};

export function Tabs({ playground }: { playground: Playground }) {
  const current = useValue(playground.scenario);
  const list = useRef<HTMLDivElement>(null);

  const move = (event: KeyboardEvent): void => {
    const index = EXCHANGES.indexOf(current);
    const last = EXCHANGES.length - 1;
    const targets: Record<string, number> = {
      ArrowRight: index === last ? 0 : index + 1,
      ArrowLeft: index === 0 ? last : index - 1,
      Home: 0,
      End: last,
    };
    const target = EXCHANGES[targets[event.key] ?? -1];
    if (!target) return;
    event.preventDefault();
    playground.show(target);
    list.current?.querySelector<HTMLElement>(`#tab-${target}`)?.focus();
  };

  const { line, keys } = ABOUT[current];
  const { addressing } = useValue(playground.declared);
  return (
    <nav class="scenarios" aria-label="Scenarios">
      <div class="tabs" role="tablist" ref={list} onKeyDown={move}>
        {EXCHANGES.map((exchange) => (
          <button
            key={exchange}
            id={`tab-${exchange}`}
            type="button"
            role="tab"
            aria-selected={exchange === current}
            aria-controls="panes"
            tabIndex={exchange === current ? 0 : -1}
            onClick={() => playground.show(exchange)}
          >
            <Icon name={exchange} />
            {ABOUT[exchange].title}
          </button>
        ))}
      </div>
      <p class="scenario-line">
        <span>{line}</span>
        <code>
          {addressing === 'exchanges' ? `/exchange/${current}` : '/topic'}/
          {keys.map((key, index) => (
            <>
              {index > 0 && <i> | </i>}
              <b>{addressing === 'exchanges' ? key : `${current}.${key}`}</b>
            </>
          ))}
        </code>
      </p>
    </nav>
  );
}
