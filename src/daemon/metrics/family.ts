import type { HistogramValue } from '../../reconcile/metrics.ts'

export type Labels = Readonly<Record<string, string>>

/** One line of a metric. */
export interface Sample {
  labels: Labels
  value: number
}

/** A metric as it is at one moment: all of its lines. */
export type MetricFamily =
  | { type: 'counter' | 'gauge'; name: string; help: string; samples: readonly Sample[] }
  | { type: 'histogram'; name: string; help: string; samples: readonly { labels: Labels; value: HistogramValue }[] }

/** Whoever has something to tell; asked once a scrape. */
export type MetricSource = () => Iterable<MetricFamily>

export const counter = (name: string, help: string, samples: readonly Sample[]): MetricFamily => ({
  type: 'counter',
  name,
  help,
  samples,
})

export const gauge = (name: string, help: string, samples: readonly Sample[]): MetricFamily => ({
  type: 'gauge',
  name,
  help,
  samples,
})

export const histogram = (
  name: string,
  help: string,
  samples: readonly { labels: Labels; value: HistogramValue }[],
): MetricFamily => ({ type: 'histogram', name, help, samples })
