//! A live line over the last minute, drawn by uPlot.

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

import { WINDOW_S } from './series';

import type { Readable } from '../../store/store';
import type { Series } from './series';

/** What a chart shows, and how. */
export interface ChartSpec {
  readonly metric: string;
  /** The custom property that holds the line's colour. */
  readonly colour: string;
  readonly height: number;
  /** The least that the vertical axis spans, from zero. */
  readonly max: number;
  /** A line across, where there is a limit. */
  readonly threshold?: number;
}

/** Below this width, in pixels, only one time is written below a chart. */
const NARROW = 230;

export function Chart({ series, spec }: { series: Readable<Series>; spec: ChartSpec }) {
  const host = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const { current } = host;
    if (!current) return undefined;
    let plot = draw(current, spec, series.value);
    let frame = 0;
    const refresh = (): void => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        plot.setData(dataOf(series.value, spec.metric));
      });
    };
    const redraw = (): void => {
      plot.destroy();
      plot = draw(current, spec, series.value);
    };
    const sizes = new ResizeObserver(() => {
      plot.setSize({ width: Math.max(current.clientWidth, 40), height: spec.height });
    });
    sizes.observe(current);
    const theme = matchMedia('(prefers-color-scheme: dark)');
    theme.addEventListener('change', redraw);
    const stop = series.watch(refresh);
    return () => {
      stop();
      cancelAnimationFrame(frame);
      sizes.disconnect();
      theme.removeEventListener('change', redraw);
      plot.destroy();
    };
  }, [series, spec]);

  return <div class="chart" ref={host} style={{ height: `${spec.height}px` }} />;
}

function dataOf({ times, values }: Series, metric: string): uPlot.AlignedData {
  return [[...times], [...(values[metric] ?? times.map(() => null))]];
}

function draw(host: HTMLElement, spec: ChartSpec, series: Series): uPlot {
  const style = getComputedStyle(host);
  const colour = style.getPropertyValue(spec.colour).trim();
  const soft = style.getPropertyValue('--soft').trim();
  const line = style.getPropertyValue('--line').trim();
  const alarm = style.getPropertyValue('--error').trim();
  const font = `11px ${style.getPropertyValue('--mono')}`;
  const axis = { stroke: soft, font, ticks: { show: false }, gap: 6 };
  const options: uPlot.Options = {
    width: Math.max(host.clientWidth, 40),
    height: spec.height,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 } },
    padding: [8, 4, 0, 0],
    scales: {
      x: {
        time: false,
        range: (self) => {
          const end = self.data[0].at(-1) ?? Date.now() / 1000;
          return [end - WINDOW_S, end];
        },
      },
      y: { range: (_, __, max) => [0, Math.max(spec.max, (max ?? 0) * 1.15)] },
    },
    axes: [
      {
        ...axis,
        size: 20,
        grid: { show: false },
        splits: (self) => {
          const end = self.scales.x?.max ?? 0;
          return self.width < NARROW ? [end - 30] : [end - 45, end - 30, end - 15];
        },
        values: (self, splits) =>
          splits.map((at) => `−${Math.round((self.scales.x?.max ?? 0) - at)} s`),
      },
      { ...axis, size: 40, grid: { stroke: line, width: 1 }, space: 34 },
    ],
    series: [
      {},
      {
        stroke: colour,
        width: 2,
        fill: ({ ctx, bbox }) => {
          const gradient = ctx.createLinearGradient(0, bbox.top, 0, bbox.top + bbox.height);
          gradient.addColorStop(0, `color-mix(in srgb, ${colour} 32%, transparent)`);
          gradient.addColorStop(1, `color-mix(in srgb, ${colour} 2%, transparent)`);
          return gradient;
        },
        points: { show: false },
        spanGaps: true,
      },
    ],
    hooks: {
      draw: [(self) => drawThreshold(self, spec.threshold, alarm)],
    },
  };
  return new uPlot(options, dataOf(series, spec.metric), host);
}

function drawThreshold(plot: uPlot, threshold: number | undefined, colour: string): void {
  if (threshold === undefined) return;
  const { ctx, bbox } = plot;
  const y = plot.valToPos(threshold, 'y', true);
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}
