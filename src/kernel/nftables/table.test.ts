import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ipBatch } from '../ip.ts'
import { createNetns, deleteNetns } from '../namespaces.ts'
import { NetworkNamespace } from '../network-namespace.ts'
import { udpSocket } from '../sockets.ts'
import {
  add,
  conformance,
  conformanceOfAbsence,
  conformanceRules,
  conformanceSets,
  contents,
  remove,
} from './conformance.ts'
import { FakeNftTable } from './fake.ts'
import {
  deleteTable,
  foreignWrites,
  foreignWritesSoon,
  generation,
  isWritingBeside,
  listTables,
  runCommand,
  runNft,
} from './ruleset.ts'
import { NftTable } from './table.ts'

const root = process.getuid?.() === 0
const chains = new Map([
  ['empty', 0],
  ['two', 2],
])
const options = { family: 'ip', name: 't', sets: conformanceSets } as const

conformance('fake table', () => new FakeNftTable({ ...options, comment: 'layout 1', chains }))
conformanceOfAbsence('fake table that is gone', () => {
  const table = new FakeNftTable(options)
  table.remove()
  return table
})

it('names the packages where neither library nor command is', () => {
  const path = process.env['PATH']
  process.env['PATH'] = '/nowhere'
  try {
    expect(() => runCommand('list tables')).toThrow(expect.objectContaining({ code: 'NFT_MISSING' }))
  } finally {
    process.env['PATH'] = path
  }
})

describe.skipIf(!root)('kernel (needs root)', () => {
  const netns = `weft-t${process.pid}-nft`
  let namespace: NetworkNamespace

  beforeAll(async () => {
    await createNetns(netns)
    namespace = NetworkNamespace.named(netns)
  })
  afterAll(async () => {
    namespace.close()
    await deleteNetns(netns)
  })

  const make = (): NftTable => {
    deleteTable('ip', 't', namespace)
    runNft(conformanceRules('t', 'layout 1'), namespace)
    return new NftTable({ ...options, namespace })
  }

  conformance('table', make)
  conformanceOfAbsence('table that is gone', () => {
    const table = make()
    deleteTable('ip', 't', namespace)
    return table
  })

  it('writes what nft lists in the same words', () => {
    const table = make()
    table.apply([
      add('services', '10.43.0.10 . tcp . 80', String(0x2000_0001), 'default/web'),
      add('endpoints', '1 . 0', '10.42.0.5 . 8080'),
      add('cidrs', '10.42.0.0/16'),
      add('sources', '1.2.3.4 . tcp . 80 . 10.0.0.0/8'),
      add('interfaces', 'eth0'),
    ])
    const listed = runNft('list table ip t', namespace)
    expect(listed).toContain('10.43.0.10 . tcp . 80 comment "default/web" : 2000:1')
    expect(listed).toContain('0:1 . 0 : 10.42.0.5 . 8080')
    expect(listed).toContain('elements = { 10.42.0.0/16 }')
    expect(listed).toContain('1.2.3.4 . tcp . 80 . 10.0.0.0/8')
    expect(listed).toContain('elements = { "eth0" }')
  })

  it('makes transactions beside the event loop in turn, and counts them as its own', async () => {
    const table = make()
    const before = await foreignWritesSoon(namespace)
    const piece = (n: number) => Array.from({ length: 500 }, (_, i) => add('endpoints', `${n} . ${i}`, '10.0.0.1 . 80'))
    const made: number[] = []
    const all = [1, 2, 3].map((n) => table.applyInBackground(piece(n)).then(() => made.push(n)))
    await Promise.all(all)
    expect(made).toEqual([1, 2, 3])
    expect(isWritingBeside(namespace)).toBe(false)
    expect(foreignWrites(namespace)).toBe(before)
    expect(await contents(table, 'endpoints')).toHaveLength(1500)
  })

  it('names what is refused beside the event loop too, and makes what was asked for after it', async () => {
    const table = make()
    const refused = table.applyInBackground([add('lists', '1', '1'), remove('lists', '2')])
    const impossible = table.applyInBackground([add('lists', 'x', '1')])
    const after = table.applyInBackground([add('lists', '3', '1')])
    await expect(refused).rejects.toMatchObject({ errnoName: 'ENOENT', failed: [1] })
    await expect(impossible).rejects.toMatchObject({ code: 'NFT_ELEMENT_INVALID' })
    await after
    expect((await contents(table, 'lists')).map(({ key }) => key)).toEqual(['3'])
  })

  it('matches packets by the intervals it wrote', async () => {
    const table = make()
    await ipBatch(['link set lo up', 'route replace default dev lo'], { netns })
    runNft(
      'add chain ip t out { type filter hook output priority 0; }; add counter ip t hits; add rule ip t out ip daddr @cidrs counter name hits',
      namespace,
    )
    const sender = await udpSocket(namespace)
    const hits = async (address: string): Promise<number> => {
      runNft('reset counter ip t hits', namespace)
      await new Promise<void>((resolve, reject) => {
        sender.send('x', 9, address, (error) => (error ? reject(error) : resolve()))
      })
      return Number(/packets (\d+)/.exec(runNft('list counter ip t hits', namespace))?.[1])
    }
    try {
      table.apply([add('cidrs', '10.42.0.0/16'), add('cidrs', '255.0.0.0/8'), add('cidrs', '1.2.3.4')])
      for (const [address, count] of [
        ['10.41.255.255', 0],
        ['10.42.0.0', 1],
        ['10.42.255.255', 1],
        ['10.43.0.0', 0],
        ['1.2.3.4', 1],
        ['1.2.3.5', 0],
      ] as const) {
        expect([address, await hits(address)]).toEqual([address, count])
      }
      table.apply([
        remove('cidrs', '255.0.0.0/8'),
        remove('cidrs', '1.2.3.4'),
        remove('cidrs', '10.42.0.0/16'),
        add('cidrs', '0.0.0.0/0'),
      ])
      expect([await hits('10.43.0.0'), await hits('1.2.3.4'), await hits('223.255.255.255')]).toEqual([1, 1, 1])
    } finally {
      sender.close()
    }
  })

  it('reads what nft wrote', async () => {
    const table = make()
    runNft('add element ip t cidrs { 10.0.0.0/8, 192.168.0.0-192.168.0.9, 240.0.0.0/4 }', namespace)
    runNft('add element ip t services { 10.0.0.1 . udp . 53 comment "x" : f:ffff }', namespace)
    expect((await contents(table, 'cidrs')).map(({ key }) => key)).toEqual([
      '10.0.0.0/8',
      '192.168.0.0-192.168.0.9',
      '240.0.0.0/4',
    ])
    expect(await contents(table, 'services')).toEqual([
      { set: 'services', key: '10.0.0.1 . udp . 53', data: '1048575', comment: 'x' },
    ])
    table.apply([remove('cidrs', '10.0.0.0/8'), add('cidrs', '10.0.0.0/9')])
    expect(runNft('list set ip t cidrs', namespace)).toContain('10.0.0.0/9')
  })

  it('counts generations, one a transaction', () => {
    const table = make()
    const before = generation(namespace)
    table.apply([add('lists', '1', '1'), add('ports', '80')])
    expect(generation(namespace)).toBe(before + 1)
    expect(generation()).toBeTypeOf('number')
  })

  it('lists tables with their comments and deletes them', () => {
    make()
    runNft('add table ip other; add table ip commented { comment "two words"; }', namespace)
    expect(listTables('ip', namespace)).toEqual(
      expect.arrayContaining([
        { flags: 0, name: 't', comment: 'layout 1' },
        { flags: 0, name: 'other' },
        { flags: 0, name: 'commented', comment: 'two words' },
      ]),
    )
    expect(listTables('ip6', namespace)).toEqual([])
    expect(deleteTable('ip', 'other', namespace)).toBe(true)
    expect(deleteTable('ip', 'other', namespace)).toBe(false)
  })

  it('runs nft text by library and by command alike', () => {
    make()
    const json = JSON.parse(runNft('list tables', namespace, { json: true })) as { nftables: unknown[] }
    expect(json.nftables.length).toBeGreaterThan(1)
    for (const options of [{}, { json: true }]) {
      const byCommand = namespace.run(() => runCommand('list table ip t\n', options))
      expect(byCommand.trim()).toBe(runNft('list table ip t\n', namespace, options).trim())
    }
    const wrong = 'add rule ip t nowhere accept'
    for (const call of [() => runNft(wrong, namespace), () => namespace.run(() => runCommand(wrong))]) {
      expect(call).toThrow(expect.objectContaining({ errnoName: 'ENOENT', code: 'KERNEL_ENOENT' }))
    }
  })

  it('dumps one moment while others write', async () => {
    const table = make()
    const changes = Array.from({ length: 8000 }, (_, i) => add('endpoints', `${i} . 0`, '10.0.0.1 . 80'))
    table.apply(changes)
    let flips = 0
    const churn = setInterval(() => {
      flips++
      table.apply([remove('endpoints', '5 . 0'), add('endpoints', '5 . 0', `10.0.0.${2 + (flips & 63)} . 80`)])
    }, 0)
    try {
      for (let round = 0; round < 5; round++) expect(await contents(table, 'endpoints')).toHaveLength(8000)
    } finally {
      clearInterval(churn)
    }
    expect(flips).toBeGreaterThan(0)
  })

  it('applies 60,000 elements in one transaction', async () => {
    const table = make()
    const changes = Array.from({ length: 60_000 }, (_, i) =>
      add('endpoints', `${i >> 1} . ${i & 1}`, `10.42.${(i >> 8) & 255}.${i & 255} . 8080`),
    )
    table.apply(changes)
    let count = 0
    for await (const elements of table.dump('endpoints')) count += elements.length
    expect(count).toBe(60_000)
  })

  it('survives a batch in which every message fails', () => {
    const table = make()
    const changes = Array.from({ length: 4000 }, (_, i) => remove(i & 1 ? 'ports' : 'lists', String(1 + i)))
    expect(() => table.apply(changes)).toThrow(expect.objectContaining({ errnoName: 'ENOENT' }))
    table.apply([add('lists', '1', '1')])
  })
})
