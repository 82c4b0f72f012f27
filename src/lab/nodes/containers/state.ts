import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Container, Pod } from '../pod.ts'
import { type ContainerRecord, containerRecordFile } from '../runtime.ts'
import type { ContainerView, Waiting } from './view.ts'

export type { ContainerView, Terminated, Waiting } from './view.ts'
/** What the next kubelet needs to go on with a container. */
export type KeptContainer = ContainerRecord

export function readContainer(pod: Pod, container: Container): KeptContainer | undefined {
  try {
    return JSON.parse(readFileSync(containerRecordFile(pod.metadata.uid, container.name), 'utf8')) as KeptContainer
  } catch {
    return undefined
  }
}

export function writeContainer(pod: Pod, record: KeptContainer): void {
  const file = containerRecordFile(pod.metadata.uid, record.view.name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.new`, JSON.stringify(record))
  renameSync(`${file}.new`, file)
}

/** A container of which nothing has begun. */
export const waitingView = (name: string, waiting: Waiting, restart = 0): ContainerView => ({
  name,
  restart,
  ready: false,
  started: false,
  state: { waiting },
})

/** metav1.Time has whole seconds. */
export const rfc3339 = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`
