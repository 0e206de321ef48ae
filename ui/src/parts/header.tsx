//! The head of the page: the name, and the broker's live figures.

import { useValue } from '../store/store';
import { Icon, Mark } from './icons';

import type { Playground } from '../playground';

export function Header({ playground }: { playground: Playground }) {
  const figures = useValue(playground.overview);
  return (
    <header class="page-head">
      <h1>
        <Mark />
        <span class="brand">Hopwire</span>
        <span class="brand-note">playground</span>
      </h1>
      {figures && (
        <dl class="figures" data-testid="overview">
          <div class="figure-version">
            <dt class="sr-only">Broker</dt>
            <dd>
              <span class="live-dot" />
              {figures.product} <b>{figures.version}</b>
            </dd>
          </div>
          <div>
            <dt>connections</dt>
            <dd>{figures.connections}</dd>
          </div>
          <div title="published per second">
            <dt>
              <Icon name="up" size={13} /> msg/s<span class="sr-only"> published</span>
            </dt>
            <dd>{rate(figures.published)}</dd>
          </div>
          <div title="delivered per second">
            <dt>
              <Icon name="down" size={13} /> msg/s<span class="sr-only"> delivered</span>
            </dt>
            <dd>{rate(figures.delivered)}</dd>
          </div>
        </dl>
      )}
    </header>
  );
}

function rate(perSecond: number): string {
  return perSecond >= 100 || perSecond === 0 ? String(Math.round(perSecond)) : perSecond.toFixed(1);
}
