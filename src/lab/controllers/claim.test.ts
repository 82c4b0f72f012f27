import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../api/types.ts'
import { planClaims, withController, withoutOwner } from './claim.ts'

const object = (name: string, app: string, owner?: string, deletionTimestamp?: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    uid: name,
    resourceVersion: '1',
    creationTimestamp: '',
    labels: { app },
    ...(owner === undefined
      ? {}
      : { ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: owner, uid: owner, controller: true }] }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  },
})
const all = [
  object('own', 'web', 'me'),
  object('own-lost', 'other', 'me'),
  object('orphan', 'web'),
  object('orphan-leaving', 'web', undefined, 'now'),
  object('stranger', 'other'),
  object('foreign', 'web', 'someone'),
]
const names = (objects: readonly KubeObject[]): string[] => objects.map(({ metadata }) => metadata.name)

describe('planClaims', () => {
  it('adopts orphans, releases what no longer matches, leaves the rest', () => {
    const { owned, adopt, release } = planClaims(object('me', ''), { matchLabels: { app: 'web' } }, all)
    expect([names(owned), names(adopt), names(release)]).toEqual([['own', 'orphan'], ['orphan'], ['own-lost']])
  })

  it('changes nothing for an owner that leaves', () => {
    const { owned, adopt, release } = planClaims(
      object('me', '', undefined, 'now'),
      { matchLabels: { app: 'web' } },
      all,
    )
    expect([names(owned), adopt, release]).toEqual([['own'], [], []])
  })

  it('adds and takes away one reference', () => {
    const me = object('me', '')
    const adopted = {
      ...object('a', 'web'),
      metadata: { ...object('a', 'web').metadata, ownerReferences: withController(object('a', 'web'), me) },
    }
    expect(adopted.metadata.ownerReferences).toMatchObject([{ uid: 'me', controller: true, blockOwnerDeletion: true }])
    expect(withoutOwner(adopted, me)).toEqual([])
  })
})
