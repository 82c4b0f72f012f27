import { describe, expect, it } from 'vitest'
import type { Change, Item } from '../../reconcile/types.ts'
import { testPort, testService, testView } from '../testing.fixture.ts'
import { type FlowSelector, flowKey, parseFlowKey } from './effects.ts'
import { effectsOf } from './effects-of.ts'

const change = (op: Change['op'], kind: string, key: string, value = '', subject = 'default/dns:dns'): Change => ({
  op,
  item: { kind, key, value } satisfies Item,
  subject,
})

const view = testView()
view.services.set('default/dns', testService('dns', { ports: [testPort({ name: 'dns', protocol: 'UDP', port: 53 })] }))
view.services.set('default/web', testService('web'))

const effects = (...changes: Change[]): string[] => [...effectsOf(changes, view)].map(({ key }) => key)

describe('flows to look at after a change', () => {
  const web = 'default/web:http'
  it.each<[string, Change[], string[]]>([
    ['56 an endpoint left', [change('delete', 'endpoints', '1 . 1', '10.42.0.2 . 53')], ['udp from 10.42.0.2 . 53']],
    [
      'an endpoint moved to another slot',
      [change('delete', 'endpoints', '1 . 2', '10.42.0.2 . 53'), change('add', 'endpoints', '1 . 1', '10.42.0.2 . 53')],
      [],
    ],
    [
      '57 an endpoint changed its port',
      [change('delete', 'endpoints', '1 . 1', '10.42.0.2 . 53'), change('add', 'endpoints', '1 . 1', '10.42.0.2 . 54')],
      ['udp from 10.42.0.2 . 53'],
    ],
    [
      'an endpoint with affinity left',
      [change('delete', 'sticky_ends', '1048577', '10.42.0.2 . 53')],
      ['udp from 10.42.0.2 . 53'],
    ],
    [
      '56 TCP is left alone',
      [
        change('delete', 'endpoints', '1 . 1', '10.42.0.2 . 80', web),
        change('add', 'services', '10.43.0.10 . tcp . 80', '1', web),
      ],
      [],
    ],
    ['an address came', [change('add', 'services', '203.0.113.1 . udp . 53', '1')], ['udp to 203.0.113.1 . 53']],
    [
      'an address was given up',
      [change('delete', 'services', '203.0.113.1 . udp . 53', '1')],
      ['udp to 203.0.113.1 . 53'],
    ],
    ['a node port came', [change('add', 'nodeports', 'udp . 30053', '1')], ['udp to-node-port 30053']],
    [
      'node ports are served at another address',
      [
        change('delete', 'nodeport_addrs', '172.30.0.11', '', '@node'),
        change('add', 'nodeport_addrs', '172.30.0.12', '', '@node'),
      ],
      ['udp to-node 172.30.0.12'],
    ],
    [
      'the Service is gone',
      [
        change('delete', 'services', '10.43.0.9 . udp . 53', '1', 'default/old:dns'),
        change('delete', 'endpoints', '7 . 0', '10.42.0.9 . 53', 'default/old:dns'),
      ],
      ['udp to 10.43.0.9 . 53', 'udp from 10.42.0.9 . 53'],
    ],
  ])('%s', (_name, changes, expected) => {
    expect(effects(...changes)).toEqual(expected)
  })

  it('are told as keys that can be read', () => {
    const all: FlowSelector[] = [
      { select: 'from', protocol: 'udp', at: 'fd42::2 . 53' },
      { select: 'to', protocol: 'udp', at: '10.43.0.10 . 53' },
      { select: 'to-node-port', protocol: 'udp', at: '30053' },
      { select: 'to-node', protocol: 'udp', at: 'fd30::11' },
    ]
    for (const one of all) expect(parseFlowKey(flowKey(one))).toEqual(one)
    expect(parseFlowKey('nonsense')).toBeUndefined()
  })
})
