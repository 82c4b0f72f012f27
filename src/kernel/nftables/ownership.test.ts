import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNetns, deleteNetns, NetworkNamespace } from '../namespaces.ts'
import { NatAnchor } from './anchor.ts'
import { fingerprint } from './fingerprint.ts'
import { canOwnTables, createOwnableTable, isOwnable, isOwned, ownerSocket, ownTable } from './ownership.ts'
import { deleteTable, foreignWrites, listTables, runNft, writeNft } from './ruleset.ts'
import { NftTable } from './table.ts'

const skip = process.getuid?.() === 0 ? '' : ' (needs root for network namespaces)'

describe.skipIf(skip !== '')(`tables with an owner${skip}`, () => {
  const name = `weft-t${process.pid}-own`
  let namespace: NetworkNamespace
  let canOwn = false
  beforeAll(async () => {
    await createNetns(name)
    namespace = NetworkNamespace.named(name)
    canOwn = canOwnTables('ip', namespace)
  })
  afterAll(async () => {
    namespace.close()
    await deleteNetns(name)
  })
  const table = () => listTables('ip', namespace).find((one) => one.name === 't')

  it('leaves no trace of the question whether there can be any', () => {
    expect(listTables('ip', namespace)).toEqual([])
  })

  it('are changed by their owner alone, outlive it, and count as its own writes', (context) => {
    context.skip(!canOwn, 'this kernel has no tables that outlive their owner')
    const before = foreignWrites(namespace)
    expect(createOwnableTable('ip', 't', 'two words', namespace)).toBe(true)
    expect(() => createOwnableTable('ip', 't', '', namespace)).toThrow(expect.objectContaining({ errnoName: 'EEXIST' }))
    expect(table()).toEqual({ name: 't', comment: 'two words', flags: 4 })
    writeNft('add set ip t ports { type inet_service; }\n', namespace)
    const owner = ownerSocket(namespace)
    ownTable(owner, 'ip', 't', namespace)
    expect([isOwnable(table()?.flags ?? 0), isOwned(table()?.flags ?? 0)]).toEqual([true, true])
    const sets = [{ name: 'ports', key: ['inet_service'] as const }]
    const change = [{ op: 'add' as const, element: { set: 'ports', key: '80' } }]
    new NftTable({ family: 'ip', name: 't', sets, namespace, owner }).apply(change)
    expect(foreignWrites(namespace)).toBe(before)

    const refused = expect.objectContaining({ errnoName: 'EPERM' })
    expect(() => new NftTable({ family: 'ip', name: 't', sets, namespace }).apply(change)).toThrow(refused)
    expect(() => deleteTable('ip', 't', namespace)).toThrow(refused)
    const other = ownerSocket(namespace)
    expect(() => ownTable(other, 'ip', 't', namespace)).toThrow(refused)
    runNft('flush ruleset\n', namespace)
    expect(table()?.flags).toBe(6)

    owner.close()
    expect(table()?.flags).toBe(4)
    ownTable(other, 'ip', 't', namespace)
    expect(deleteTable('ip', 't', namespace, other)).toBe(true)
    // There is no way to ask for what is there only.
    ownTable(other, 'ip', 't', namespace)
    expect(deleteTable('ip', 't', namespace, other)).toBe(true)
    other.close()
  })

  it('a fingerprint tells what rules do, not how they came about', () => {
    const of = (text: string, except = (_chain: string) => false): string => {
      runNft(text, namespace)
      const { hash } = fingerprint('ip', 't', except, namespace)
      deleteTable('ip', 't', namespace)
      return hash
    }
    const block = 'table ip t {\n chain a {\n ip daddr 10.0.0.1 accept\n ip daddr 10.0.0.2 drop\n }\n}\n'
    const flat =
      'add table ip t; add chain ip t a; add rule ip t a ip daddr 10.0.0.2 drop; insert rule ip t a ip daddr 10.0.0.1 accept\n'
    expect(of(flat)).toBe(of(block))
    expect(of(block.replace('drop', 'accept'))).not.toBe(of(block))
    expect(of(block.replace('10.0.0.1', '10.0.0.3'))).not.toBe(of(block))
    expect(of(`${block}add chain ip t b\n`)).not.toBe(of(block))
    expect(of(`${block}add chain ip t b\n`, (chain) => chain === 'b')).toBe(of(block))
    runNft('add table ip t\n', namespace)
    expect(fingerprint('ip', 't', () => false, namespace).chains.size).toBe(0)
    deleteTable('ip', 't', namespace)
  })

  it('an anchor goes with its process, and with nobody else', () => {
    const anchor = new NatAnchor('ip6', namespace)
    expect(anchor.hold(['none'])).toBe('none')
    if (anchor.hold(['owned-table']) === 'none') return
    runNft('flush ruleset\n', namespace)
    expect(listTables('ip6', namespace)).toEqual([{ name: 'weft-anchor', flags: 2 }])
    expect(anchor.hold()).toBe('owned-table')
    anchor.close()
    expect(listTables('ip6', namespace)).toEqual([])
    // iptables-legacy holds IPv4 alone.
    expect(anchor.hold(['iptables-legacy'])).toBe('none')
  })
})
