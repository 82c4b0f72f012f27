import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { readJson } from '../../files.ts'
import type { Container, Pod } from '../pod.ts'
import { type ContainerRecord, containerRecordFile } from '../runtime.ts'
import type { ContainerView, Waiting } from './view.ts'

export type { ContainerView, Terminated, Waiting } from './view.ts'
/** What the next kubelet needs to go on with a container. */
export type KeptContainer = ContainerRecord

export const readContainer = (pod: Pod, container: Container): KeptContainer | undefined =>
  readJson(containerRecordFile(pod.metadata.uid, container.name)) as KeptContainer | undefined

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
