//! What went wrong in a pane, and a button for what to do next.

import { Icon } from '../parts/icons';
import { useValue } from '../store/store';

import type { Pane, Playground } from '../playground';

export function TroubleBanner(properties: {
  playground: Playground;
  pane: Pane;
  onSettings: () => void;
}) {
  const { playground, pane, onSettings } = properties;
  const { trouble } = useValue(pane.peer.connection);
  if (!trouble) return null;
  const { title, advice, detail, remedy } = trouble;
  return (
    <div class="trouble" role="alert" data-testid="trouble">
      <Icon name="warning" />
      <div>
        <p class="trouble-title">{title}</p>
        <p>{advice}</p>
        <p class="trouble-detail">{detail}</p>
        {remedy === 'settings' && (
          <button type="button" class="button small" onClick={onSettings}>
            Open the settings
          </button>
        )}
        {remedy === 'declare' && (
          <button type="button" class="button small" onClick={() => void playground.declareAgain()}>
            Declare the exchanges
          </button>
        )}
      </div>
      <button
        type="button"
        class="tool"
        onClick={() => pane.peer.report()}
        aria-label="Dismiss"
        title="Dismiss"
      >
        <Icon name="close" size={16} />
      </button>
    </div>
  );
}
