//! Dashboard: the feed's controls, figures, charts and alerts.

import { Ago } from '../../parts/ago';
import { Icon } from '../../parts/icons';
import { useValue } from '../../store/store';
import { Chart } from './chart';
import { CPU_THRESHOLD } from './feed';
import { latest } from './series';

import type { Pane, Playground } from '../../playground';
import type { ChartSpec } from './chart';
import type { Dashboard, Severity } from './dashboard';

/** A metric that has a tile and a chart. */
interface Shown extends ChartSpec {
  readonly title: string;
  readonly unit: string;
  readonly isWide?: boolean;
}

const SHOWN: readonly Shown[] = [
  {
    metric: 'orders_per_minute',
    title: 'Orders',
    unit: '/min',
    colour: '--success',
    height: 128,
    max: 40,
    isWide: true,
  },
  {
    metric: 'cpu_percent',
    title: 'CPU',
    unit: '%',
    colour: '--warning',
    height: 100,
    max: 100,
    threshold: CPU_THRESHOLD,
  },
  { metric: 'response_ms', title: 'Response', unit: 'ms', colour: '--info', height: 100, max: 100 },
];

const RATES = [1, 4, 10, 30] as const;
const ICONS = { info: 'info', warning: 'warning', critical: 'error' } as const;
const LEVELS: Record<Severity, string> = { info: 'info', warning: 'warning', critical: 'error' };

export function DashboardView({ pane, playground }: { pane: Pane; playground: Playground }) {
  const { dashboard } = pane;
  const { times } = useValue(dashboard.series);
  const [a, b] = useValue(playground.panes);
  const feeder = [a, b].find(({ dashboard: { isFeeding } }) => isFeeding.value);
  return (
    <div class="dashboard">
      <Feed pane={pane} />
      {times.length === 0 && !feeder && (
        <p class="empty">No figures yet. Start the feed: both panes will show them.</p>
      )}
      <div class="charts">
        {SHOWN.map((shown) => (
          <Figure key={shown.metric} dashboard={dashboard} shown={shown} />
        ))}
      </div>
      <Alerts dashboard={dashboard} />
    </div>
  );
}

function Feed({ pane: { dashboard, name } }: { pane: Pane }) {
  const isFeeding = useValue(dashboard.isFeeding);
  const load = useValue(dashboard.load);
  const rate = useValue(dashboard.rate);
  return (
    <div class="composer feed">
      <button
        type="button"
        class={`button ${isFeeding ? '' : 'primary'}`}
        onClick={() => (isFeeding ? dashboard.stop() : dashboard.start())}
        data-testid="feed"
      >
        <Icon name={isFeeding ? 'stop' : 'play'} size={15} />
        {isFeeding ? 'Stop the feed' : 'Start a feed'}
      </button>
      <label class="slider">
        <span>Visitors</span>
        <input
          type="range"
          min={0}
          max={1}
          step={0.01}
          value={load}
          aria-label={`Visitors in ${name}’s made-up shop`}
          onInput={(event) => dashboard.load.set(event.currentTarget.valueAsNumber)}
        />
        <output>{Math.round(load * 100)} %</output>
      </label>
      <label class="select">
        <span class="sr-only">Updates per second</span>
        <select
          value={String(rate)}
          onChange={(event) => dashboard.setRate(Number(event.currentTarget.value))}
        >
          {RATES.map((perSecond) => (
            <option key={perSecond} value={String(perSecond)}>
              {perSecond}/s
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

function Figure({ dashboard, shown }: { dashboard: Dashboard; shown: Shown }) {
  const value = latest(useValue(dashboard.series), shown.metric);
  const isOver = shown.threshold !== undefined && (value ?? 0) > shown.threshold;
  return (
    <figure class={`figure ${shown.isWide ? 'is-wide' : ''} ${isOver ? 'is-over' : ''}`}>
      <figcaption>
        <span>{shown.title}</span>
        <b data-testid={`metric-${shown.metric}`}>{value === undefined ? '–' : value.toFixed(1)}</b>
        <span>{shown.unit}</span>
      </figcaption>
      <Chart series={dashboard.series} spec={shown} />
    </figure>
  );
}

function Alerts({ dashboard }: { dashboard: Dashboard }) {
  const alerts = useValue(dashboard.alerts);
  if (alerts.length === 0) return null;
  return (
    <ul class="alerts" aria-live="polite" aria-label="Alerts">
      {alerts.slice(0, 3).map(({ id, severity, text, time }) => (
        <li key={id} class={`alert level-${LEVELS[severity]}`} data-testid="alert">
          <Icon name={ICONS[severity]} size={16} />
          <span>{text}</span>
          <Ago time={time} />
        </li>
      ))}
    </ul>
  );
}
