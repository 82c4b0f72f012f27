import { describe, expect, it } from 'vitest'
import { KernelError } from '../errors.ts'
import type { Element, ElementChange, ElementTable, SetSpec } from './types.ts'

/** Sets of the table that the suite works on: one of each shape. */
export const conformanceSets: readonly SetSpec[] = [
  { name: 'services', key: ['ipv4_addr', 'inet_proto', 'inet_service'], data: ['u32'] },
  { name: 'endpoints', key: ['u32', 'u32'], data: ['ipv4_addr', 'inet_service'] },
  { name: 'lists', key: ['u32'], data: ['u32'] },
  { name: 'ports', key: ['inet_service'] },
  { name: 'protocols', key: ['inet_proto'] },
  { name: 'interfaces', key: ['ifname'] },
  { name: 'cidrs', key: ['ipv4_addr'], interval: true },
  { name: 'sources', key: ['ipv4_addr', 'inet_proto', 'inet_service', 'ipv4_addr'], interval: true },
  { name: 'wide', key: ['ipv6_addr', 'inet_proto', 'inet_service'], data: ['u32'] },
  { name: 'wideEnds', key: ['u32', 'u32'], data: ['ipv6_addr', 'inet_service'] },
  { name: 'wideCidrs', key: ['ipv6_addr'], interval: true },
  { name: 'prefixes', key: ['ifname'], interval: true },
  { name: 'jumps', key: ['u32'], verdict: true },
]

/** The same table as nft text. */
export const conformanceRules = (table: string, comment: string): string => `table ip ${table} {
  comment "${comment}"
  map services { type ipv4_addr . inet_proto . inet_service : classid; }
  map endpoints { typeof meta priority . numgen random mod 2 : ip daddr . th dport; }
  map lists { type classid : classid; }
  set ports { type inet_service; }
  set protocols { type inet_proto; }
  set interfaces { type ifname; }
  set cidrs { type ipv4_addr; flags interval; }
  set sources { type ipv4_addr . inet_proto . inet_service . ipv4_addr; flags interval; }
  map wide { type ipv6_addr . inet_proto . inet_service : classid; }
  map wideEnds { typeof meta priority . numgen random mod 2 : ip6 daddr . th dport; }
  set wideCidrs { type ipv6_addr; flags interval; }
  set prefixes { type ifname; flags interval; }
  map jumps { type classid : verdict; }
  chain empty {
  }
  chain two {
    ip daddr 10.0.0.1 accept
    ip daddr 10.0.0.2 drop
  }
}
`

export const add = (set: string, key: string, data?: string, comment?: string): ElementChange => ({
  op: 'add',
  element: { set, key, ...(data !== undefined && { data }), ...(comment !== undefined && { comment }) },
})

export const remove = (set: string, key: string): ElementChange => ({ op: 'delete', element: { set, key } })

export async function contents(table: ElementTable, set: string): Promise<Element[]> {
  const all: Element[] = []
  for await (const elements of table.dump(set)) all.push(...elements)
  return all.sort((a, b) => (a.key < b.key ? -1 : 1))
}

const keys = async (table: ElementTable, set: string): Promise<string[]> =>
  (await contents(table, set)).map(({ key }) => key)

function refusal(table: ElementTable, changes: readonly ElementChange[]): { errno: string; failed: readonly number[] } {
  try {
    table.apply(changes)
  } catch (error) {
    if (error instanceof KernelError) return { errno: error.errnoName, failed: error.failed }
    throw error
  }
  return { errno: 'none', failed: [] }
}

/** What a table must do, be it the kernel's or the fake one. `make` gives an empty one with `conformanceSets` and `conformanceRules`. */
export function conformance(name: string, make: () => ElementTable): void {
  describe(name, () => {
    it.each([
      ['services', '10.43.0.10 . tcp . 80', '536870913'],
      ['services', '10.43.0.10 . sctp . 65535', '4294967295'],
      ['services', '0.0.0.0 . 41 . 0', '0'],
      ['endpoints', '1048575 . 65535', '10.42.0.5 . 8080'],
      ['lists', '7', '16777223'],
      ['ports', '443', undefined],
      ['protocols', 'udp', undefined],
      ['interfaces', 'eth0.100', undefined],
      ['cidrs', '10.42.0.0/16', undefined],
      ['cidrs', '10.42.0.1', undefined],
      ['cidrs', '10.42.0.1-10.42.0.9', undefined],
      ['cidrs', '0.0.0.0/0', undefined],
      ['cidrs', '0.0.0.0/8', undefined],
      ['cidrs', '255.255.255.255', undefined],
      ['sources', '1.2.3.4 . tcp . 80 . 10.0.0.0/8', undefined],
      ['sources', '1.2.3.4 . tcp . 80-90 . 0.0.0.0/0', undefined],
      ['sources', '1.2.3.4 . tcp . 80 . 10.0.0.1', undefined],
      ['wide', 'fd00::1 . udp . 53', '3'],
      ['wideEnds', '1 . 2', '2001:db8::1 . 80'],
      ['wideCidrs', 'fd00:42::/56', undefined],
      ['wideCidrs', '::/0', undefined],
    ])('holds what is added: %s %s %s', async (set, key, data) => {
      const table = make()
      table.apply([add(set, key, data, 'default/web:http')])
      expect(await contents(table, set)).toEqual([add(set, key, data, 'default/web:http').element])
      table.apply([remove(set, key)])
      expect(await contents(table, set)).toEqual([])
    })

    it('keeps names of interfaces and how they begin, and jumps to chains', async () => {
      const table = make()
      table.apply([add('prefixes', 'cni0'), add('prefixes', 'veth*'), add('jumps', '5', 'jump two')])
      expect(await keys(table, 'prefixes')).toEqual(['cni0', 'veth*'])
      expect(await contents(table, 'jumps')).toEqual([{ set: 'jumps', key: '5', data: 'jump two' }])
      table.apply([remove('prefixes', 'veth*'), remove('jumps', '5')])
      expect(await keys(table, 'prefixes')).toEqual(['cni0'])
      expect(await contents(table, 'jumps')).toEqual([])
      expect(() => table.apply([add('jumps', '6', 'accept')])).toThrow('does not fit')
      table.apply([remove('prefixes', 'cni0')])
    })

    it('gives back the form of the kernel', async () => {
      const table = make()
      table.apply([add('wide', 'FD00:0:0::0001 . 17 . 53', '3'), add('cidrs', '10.0.0.0-10.255.255.255')])
      expect(await keys(table, 'wide')).toEqual(['fd00::1 . udp . 53'])
      expect(await keys(table, 'cidrs')).toEqual(['10.0.0.0/8'])
    })

    it('takes the same element twice, and leaves its comment', async () => {
      const table = make()
      table.apply([add('lists', '1', '2', 'first')])
      table.apply([add('lists', '1', '2', 'second'), add('cidrs', '10.0.0.0/8'), add('cidrs', '10.0.0.0/8')])
      expect(await contents(table, 'lists')).toEqual([{ set: 'lists', key: '1', data: '2', comment: 'first' }])
      expect(await keys(table, 'cidrs')).toEqual(['10.0.0.0/8'])
    })

    it('refuses other data for a key with EEXIST, and then changes nothing', async () => {
      const table = make()
      table.apply([add('lists', '1', '2')])
      expect(refusal(table, [add('lists', '5', '5'), add('ports', '80'), add('lists', '1', '3')])).toEqual({
        errno: 'EEXIST',
        failed: [2],
      })
      expect(await contents(table, 'lists')).toEqual([{ set: 'lists', key: '1', data: '2' }])
      expect(await keys(table, 'ports')).toEqual([])
    })

    it('refuses to delete what is absent with ENOENT, and then changes nothing', async () => {
      const table = make()
      table.apply([add('ports', '80')])
      expect(refusal(table, [remove('ports', '80'), remove('ports', '81')])).toEqual({ errno: 'ENOENT', failed: [1] })
      expect(await keys(table, 'ports')).toEqual(['80'])
    })

    it('names a change of each message that fails', () => {
      const table = make()
      const changes = [remove('ports', '1'), add('lists', '1', '1'), remove('lists', '9'), remove('lists', '10')]
      expect(refusal(table, changes)).toEqual({ errno: 'ENOENT', failed: [0, 2] })
    })

    it('keeps the order within a transaction', async () => {
      const table = make()
      table.apply([add('lists', '1', '2')])
      table.apply([remove('lists', '1'), add('lists', '1', '3')])
      expect(await contents(table, 'lists')).toEqual([{ set: 'lists', key: '1', data: '3' }])
      table.apply([add('ports', '80'), remove('ports', '80'), add('ports', '80')])
      expect(await keys(table, 'ports')).toEqual(['80'])
      expect(refusal(table, [add('lists', '1', '4'), remove('lists', '1')])).toEqual({ errno: 'EEXIST', failed: [0] })
      expect(refusal(table, [remove('lists', '1'), remove('lists', '1')])).toEqual({ errno: 'ENOENT', failed: [1] })
    })

    it.each([
      ['contained', '10.1.0.0/16'],
      ['covering', '8.0.0.0/6'],
      ['same start', '10.0.0.0/9'],
      ['same end', '10.128.0.0/9'],
      ['crossing the start', '9.0.0.0-10.0.0.0'],
      ['crossing the end', '10.255.255.255-11.0.0.0'],
    ])('refuses an overlapping interval: %s', async (_, key) => {
      const table = make()
      table.apply([add('cidrs', '10.0.0.0/8')])
      expect(refusal(table, [add('cidrs', key)])).toEqual({ errno: 'EEXIST', failed: [0] })
      expect(await keys(table, 'cidrs')).toEqual(['10.0.0.0/8'])
    })

    it('exchanges everything for a part and back', async () => {
      const table = make()
      table.apply([add('cidrs', '0.0.0.0/0')])
      expect(refusal(table, [add('cidrs', '10.0.0.0/8')])).toEqual({ errno: 'EEXIST', failed: [0] })
      table.apply([remove('cidrs', '0.0.0.0/0'), add('cidrs', '10.0.0.0/8'), add('cidrs', '12.0.0.0/8')])
      expect(await keys(table, 'cidrs')).toEqual(['10.0.0.0/8', '12.0.0.0/8'])
      table.apply([remove('cidrs', '12.0.0.0/8'), remove('cidrs', '10.0.0.0/8'), add('cidrs', '0.0.0.0/0')])
      expect(await keys(table, 'cidrs')).toEqual(['0.0.0.0/0'])
    })

    it('takes intervals that touch, and replaces one by its halves', async () => {
      const table = make()
      table.apply([add('cidrs', '10.0.0.0/8'), add('cidrs', '11.0.0.0/8'), add('cidrs', '9.0.0.0/8')])
      table.apply([remove('cidrs', '10.0.0.0/8'), add('cidrs', '10.0.0.0/9'), add('cidrs', '10.128.0.0/9')])
      expect(await keys(table, 'cidrs')).toEqual(['10.0.0.0/9', '10.128.0.0/9', '11.0.0.0/8', '9.0.0.0/8'])
    })

    it('deletes an interval only as it was added', async () => {
      const table = make()
      table.apply([add('cidrs', '10.0.0.0/8')])
      expect(refusal(table, [remove('cidrs', '10.0.0.0/9')])).toEqual({ errno: 'ENOENT', failed: [0] })
      expect(await keys(table, 'cidrs')).toEqual(['10.0.0.0/8'])
    })

    it('never holds a narrower range of a concatenation beside a wider one, and takes a wider one', async () => {
      const table = make()
      const source = (range: string): string => `1.2.3.4 . tcp . 80 . ${range}`
      table.apply([add('sources', source('10.1.0.0/16'))])
      // Linux 6.1 says yes and adds nothing, as was seen there; 6.18 refuses.
      expect(refusal(table, [add('sources', source('10.1.1.0/24'))]).errno).toMatch(/^(EEXIST|none)$/)
      expect(await keys(table, 'sources')).toEqual([source('10.1.0.0/16')])
      table.apply([add('sources', source('10.0.0.0/8')), add('sources', '1.2.3.4 . udp . 80 . 10.1.1.0/24')])
      expect(await contents(table, 'sources')).toHaveLength(3)
    })

    it('exchanges a range of a concatenation for a part of it in one transaction, and back', async () => {
      const table = make()
      const [wide, narrow] = ['10.1.0.0/16', '10.1.1.0/24'].map((range) => `1.2.3.4 . tcp . 80 . ${range}`) as [
        string,
        string,
      ]
      table.apply([add('sources', wide)])
      table.apply([remove('sources', wide), add('sources', narrow)])
      expect(await keys(table, 'sources')).toEqual([narrow])
      table.apply([remove('sources', narrow), add('sources', wide)])
      expect(await keys(table, 'sources')).toEqual([wide])
    })

    it('takes thousands of elements in one transaction', async () => {
      const table = make()
      const changes = Array.from({ length: 3500 }, (_, i) => add('endpoints', `${i >> 2} . ${i & 3}`, '10.0.0.1 . 80'))
      table.apply(changes)
      expect(await contents(table, 'endpoints')).toHaveLength(3500)
      expect(refusal(table, [...changes, add('endpoints', '600 . 1', '10.0.0.2 . 80')])).toEqual({
        errno: 'EEXIST',
        failed: [3500],
      })
      table.apply(changes.map(({ element }) => ({ op: 'delete', element })))
      expect(await contents(table, 'endpoints')).toEqual([])
    })

    it('refuses text that is no such element before anything is sent', async () => {
      const table = make()
      const invalid = (change: ElementChange): void =>
        expect(() => table.apply([add('ports', '80'), change])).toThrow(/does not fit|is missing/)
      invalid(add('services', '10.43.0.256 . tcp . 80', '1'))
      invalid(add('services', '10.43.0.1 . tcp', '1'))
      invalid(add('services', '10.43.0.1 . tcp . 80'))
      invalid(add('ports', '80', '1'))
      invalid(add('cidrs', '10.42.0.1/16'))
      invalid(add('interfaces', 'a-name-of-16-byte'))
      invalid(add('ports', '80', undefined, 'x'.repeat(254)))
      expect(() => table.apply([add('nowhere', '1')])).toThrow(/without a set nowhere/)
      expect(await keys(table, 'ports')).toEqual([])
    })

    it('tells its comment, its chains and their rules', () => {
      const table = make()
      expect(table.info()).toEqual({ exists: true, comment: 'layout 1' })
      expect(table.chains()).toEqual(
        new Map([
          ['empty', 0],
          ['two', 2],
        ]),
      )
    })

    it('does nothing when there is nothing to do', () => {
      expect(() => make().apply([])).not.toThrow()
    })
  })
}

/** What a table must do once it is gone. */
export function conformanceOfAbsence(name: string, make: () => ElementTable): void {
  describe(name, () => {
    it('is ENOENT for changes and dumps, and a fact for info and chains', async () => {
      const table = make()
      expect(refusal(table, [add('lists', '1', '1'), add('ports', '80')])).toEqual({ errno: 'ENOENT', failed: [0, 1] })
      await expect(contents(table, 'lists')).rejects.toMatchObject({ errnoName: 'ENOENT' })
      expect(table.info()).toEqual({ exists: false })
      expect(table.chains()).toEqual(new Map())
    })
  })
}
