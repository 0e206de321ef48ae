//! The page from top to bottom.

import { useRef, useState } from 'preact/hooks';

import { BackendBox } from './backend/backend_box';
import { PaneView } from './pane/pane_view';
import { Header } from './parts/header';
import { Segmented } from './parts/segmented';
import { Tabs } from './parts/tabs';
import { Wire } from './parts/wire';
import { useValue } from './store/store';

import type { Playground, Side } from './playground';

export function App({ playground }: { playground: Playground }) {
  const panes = useValue(playground.panes);
  const declared = useValue(playground.declared);
  const scenario = useValue(playground.scenario);
  return (
    <div class="page">
      <Header playground={playground} />
      <main>
        <Tabs playground={playground} />
        {declared.addressing === 'topics' && (
          <p class="hint" role="status">
            <b>The scenarios’ exchanges could not be declared</b> ({declared.reason}). The panes use{' '}
            <code>/topic/{scenario}.…</code> instead, which needs none. A back end publishes to{' '}
            <code>amq.topic</code>, or declares the exchanges itself; then{' '}
            <button type="button" class="link" onClick={() => void playground.declareAgain()}>
              try again
            </button>
            .
          </p>
        )}
        <Wire panes={panes} />
        <Panes playground={playground} />
        <BackendBox playground={playground} />
      </main>
    </div>
  );
}

/** Both panes: side by side, or on a phone one beside the other to be swiped. */
function Panes({ playground }: { playground: Playground }) {
  const panes = useValue(playground.panes);
  const scenario = useValue(playground.scenario);
  const [shown, setShown] = useState<Side>('a');
  const row = useRef<HTMLDivElement>(null);

  const swipeTo = (side: Side): void => {
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const left = side === 'a' ? 0 : (row.current?.scrollWidth ?? 0);
    row.current?.scrollTo({ left, behavior: still ? 'auto' : 'smooth' });
  };
  const swiped = (): void => {
    const { scrollLeft = 0, clientWidth = 1 } = row.current ?? {};
    setShown(scrollLeft > clientWidth / 2 ? 'b' : 'a');
  };

  return (
    <>
      <div class="pane-switch">
        <Segmented
          name="pane-switch"
          label="Which user"
          options={panes.map(({ side, name }) => ({ value: side, label: name }))}
          value={shown}
          onChange={swipeTo}
        />
      </div>
      <div
        id="panes"
        class="panes"
        role="tabpanel"
        aria-labelledby={`tab-${scenario}`}
        ref={row}
        onScroll={swiped}
      >
        {panes.map((pane) => (
          <PaneView key={pane.peer} playground={playground} pane={pane} />
        ))}
      </div>
    </>
  );
}
