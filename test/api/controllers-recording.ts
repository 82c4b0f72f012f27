import { readFileSync } from 'node:fs'

export interface RecordedStep {
  step: string
  why: string
  // biome-ignore lint/suspicious/noExplicitAny: objects of every kind, by resource
  objects: Record<string, any>
}

export interface Recording {
  name: string
  why: string
  steps: RecordedStep[]
}

/**
 * A recording, without the generation of EndpointSlices: it counts writes, and how many a change takes is a matter of when a controller happens
 * to look.
 */
export function readRecording(name: string): Recording {
  const file = new URL(`../fixtures/api/controllers/${name}.json`, import.meta.url)
  const recording: Recording = JSON.parse(readFileSync(file, 'utf8'))
  for (const { objects } of recording.steps)
    for (const { metadata } of objects['endpointslices'] ?? []) delete metadata.generation
  return recording
}
