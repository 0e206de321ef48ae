//! How a pane's connection is doing, in one line.

import { formatMs } from '../frames/latency';
import { useNow, useValue } from '../store/store';

import type { Connection, Peer } from '../peer/peer';

export function ConnectionChip({ peer }: { peer: Peer }) {
  const connection = useValue(peer.connection);
  const { state, latencyMs, pending } = connection;
  return (
    <span class={`chip chip-${state}`}>
      <span class="chip-dot" aria-hidden="true" />
      <span role="status" data-testid="state">
        <State connection={connection} />
      </span>
      {state === 'connected' && latencyMs !== undefined && (
        <span class="chip-latency" title="median receipt round trip" data-testid="latency">
          {formatMs(latencyMs)}
        </span>
      )}
      {state !== 'connected' && pending > 0 && (
        <span class="chip-pending" data-testid="pending">
          {pending} waiting
        </span>
      )}
    </span>
  );
}

function State({ connection: { state, retryAt } }: { connection: Connection }) {
  switch (state) {
    case 'connected':
      return 'connected';
    case 'connecting':
      return 'connecting…';
    case 'waiting':
      return <Countdown until={retryAt ?? 0} />;
    case 'closed':
      return 'not connected';
  }
}

function Countdown({ until }: { until: number }) {
  const seconds = Math.max(1, Math.ceil((until - useNow(200)) / 1000));
  return `reconnecting in ${seconds} s`;
}
