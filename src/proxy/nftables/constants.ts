import { createHash } from 'node:crypto'
import { hookPriorities } from '../../kernel/names.ts'
import { bitsOf, formatCIDR } from '../../model/ip.ts'
import { prefixStep } from './number.ts'
import { sizeClasses } from './sizes.ts'

/**
 * The constant rule set: chains that are written once and never change with Services. What each map and set holds is told in docs/services.md;
 * every lookup that may be churned is made twice or more, since a packet that crosses a commit may combine an old size with new slots.
 */
export interface ConstantRules {
  family: 'ip' | 'ip6'
  /** The nft text for a table of this name, which must not exist yet. */
  text(table: string, comment: string): string
  /** The same as single commands, for a table that is there and empty. */
  commands(table: string): string
  /** Chain name → number of rules, to see whether somebody has changed them. */
  ruleCounts: ReadonlyMap<string, number>
  /** Changes whenever the text does: a table of another layout is replaced. */
  layout: string
}

interface Words {
  address: 'ipv4_addr' | 'ipv6_addr'
  ip: 'ip' | 'ip6'
  icmp: 'icmp' | 'icmpv6'
  /** What identifies a client in `affinity`. */
  client: string
  clientType: string
}

const words: Record<'ip' | 'ip6', Words> = {
  ip: { address: 'ipv4_addr', ip: 'ip', icmp: 'icmp', client: 'ip saddr', clientType: 'ip saddr' },
  // nft 1.0.6 spoils the stored address of a 128-bit key in `update @map`; clients that share a hash share a pin, which is harmless.
  ip6: {
    address: 'ipv6_addr',
    ip: 'ip6',
    icmp: 'icmpv6',
    client: 'jhash ip6 saddr mod 4294967295 seed 0x1',
    clientType: 'numgen random mod 2',
  },
}

const l4 = 'meta l4proto { tcp, udp, sctp }'
const list = 'meta priority & f:ffff'
/** How long a client is kept by the constant rules; other times have chains of their own (sticky-chains.ts). */
export const affinitySeconds = 10800

/** The rule of such a chain. */
export const touchRule = (family: 'ip' | 'ip6', seconds: number): string =>
  `update @affinity { ${list} . ${words[family].client} timeout ${seconds}s : meta priority }`

export function constantRules(family: 'ip' | 'ip6'): ConstantRules {
  const w = words[family]
  const sets = setLines(w)
  const chains = new Map<string, string[]>([
    ...balanceChains(w),
    ...stickyChains(w),
    ...dispatchChains(w),
    ...sourceChains(w),
  ])
  const body = [
    ...sets.map((line) => `  ${line}`),
    ...[...chains].map(([name, rules]) => `  chain ${name} {\n${rules.map((rule) => `    ${rule}\n`).join('')}  }`),
  ].join('\n')
  return {
    family,
    text: (table, comment) => `table ${family} ${table} {\n  comment "${comment}"\n${body}\n}\n`,
    commands: (table) => commandsOf(`${family} ${table}`, sets, chains),
    ruleCounts: new Map(
      [...chains].map(([name, rules]) => [name, rules.filter((rule) => !rule.startsWith('type ')).length]),
    ),
    layout: createHash('sha256').update(body).digest('hex').slice(0, 12),
  }
}

/** All chains before all rules, which jump to them. */
function commandsOf(table: string, sets: readonly string[], chains: ReadonlyMap<string, readonly string[]>): string {
  const isHook = (rule: string): boolean => rule.startsWith('type ')
  const lines = sets.map((line) => line.replace(/^\w+/, `add $& ${table}`))
  for (const [name, rules] of chains) {
    const hook = rules.find(isHook)
    lines.push(`add chain ${table} ${name}${hook === undefined ? '' : ` { ${hook} }`}`)
  }
  for (const [name, rules] of chains) {
    for (const rule of rules) if (!isHook(rule)) lines.push(`add rule ${table} ${name} ${rule}`)
  }
  return `${lines.join('\n')}\n`
}

function setLines({ address, ip, clientType }: Words): string[] {
  return [
    `set pod_sources { type ${address}; flags interval; }`,
    `set plain_sources { type ${address}; flags interval; }`,
    `set service_cidrs { type ${address}; flags interval; }`,
    'set pod_ifaces { type ifname; flags interval; }',
    'set plain_ifaces { type ifname; flags interval; }',
    `set nodeport_addrs { type ${address}; }`,
    `set cluster_ips { type ${address}; }`,
    `set protected { type ${address} . inet_proto . inet_service; }`,
    `set hairpin { type ${address} . ${address}; }`,
    `set lb_sources { typeof meta priority . ${ip} saddr; }`,
    `map services { type ${address} . inet_proto . inet_service : classid; }`,
    'map nodeports { type inet_proto . inet_service : classid; }',
    'map lists { type classid : classid; }',
    'map local_lists { type classid : classid; }',
    `map endpoints { typeof meta priority . numgen random mod 2 : ${ip} daddr . th dport; }`,
    'map sticky_slots { typeof meta priority . numgen random mod 2 : meta priority; }',
    `map sticky_ends { type classid : ${address} . inet_service; }`,
    'map sticky_times { type classid : verdict; }',
    `map affinity { typeof meta priority . ${clientType} : meta priority; size 1048576; flags dynamic,timeout; timeout 3h; }`,
    ...['rejected', 'no_local', 'refused_source', 'unused_ip', 'missed'].map((name) => `counter ${name} { }`),
  ]
}

/** The chains that pick a slot: `try-N` is one attempt among N slots, `lb-N` and `pick-N` try until an endpoint was there. */
function* balanceChains({ ip, icmp }: Words): Generator<[string, string[]]> {
  yield [
    'refuse',
    [
      'meta l4proto tcp counter name rejected reject with tcp reset',
      `counter name rejected reject with ${icmp} type port-unreachable`,
    ],
  ]
  yield ['missed', ['counter name missed drop']]
  yield ['no_local', ['counter name no_local drop']]
  for (const n of sizeClasses)
    yield [`try-${n}`, [`${l4} dnat ${ip} to ${list} . numgen random mod ${n} map @endpoints`]]
  for (const [index] of sizeClasses.entries()) {
    yield [`lb-${sizeClasses[index]}`, [...attempts(index).map((n) => `jump try-${n}`), 'goto missed']]
  }
  for (const [index] of sizeClasses.entries()) {
    const pick = (n: number) => `meta priority set ${list} . numgen random mod ${n} map @sticky_slots goto sticky_pin`
    yield [`pick-${sizeClasses[index]}`, [...attempts(index).map(pick), 'goto missed']]
  }
}

/** How many slots each attempt of a class chooses among; the last one is slot 0, which every list has. */
function attempts(index: number): number[] {
  const n = sizeClasses[index] as number
  if (n === 1) return [1]
  return n <= 8 ? [n, n, 1] : [n, n, n, n, n, n, sizeClasses[index - 1] as number, 1]
}

function* stickyChains({ ip, client }: Words): Generator<[string, string[]]> {
  const code = (index: number) => `${((0x81 + index) << 4).toString(16)}:0`
  yield [
    'sticky_touch',
    [
      `update @affinity { ${list} . ${client} timeout ${affinitySeconds}s : meta priority }`,
      `${list} vmap @sticky_times`,
    ],
  ]
  yield [
    'sticky_pin',
    [
      'jump sticky_touch',
      // Read back: of two racing packets both take what the winner wrote.
      `meta priority set ${list} . ${client} map @affinity`,
      `${l4} dnat ${ip} to meta priority map @sticky_ends`,
      'goto missed',
    ],
  ]
  yield [
    'sticky_pick',
    [
      `meta priority & ff0:0 vmap { ${sizeClasses.map((n, index) => `${code(index)} : goto pick-${n}`).join(', ')} }`,
      'goto missed',
    ],
  ]
  yield [
    'sticky_pinned',
    [
      'jump sticky_touch',
      `${l4} dnat ${ip} to meta priority map @sticky_ends`,
      `delete @affinity { ${list} . ${client} : meta priority }`,
      `meta priority set ${list} map @lists goto sticky_pick`,
      `meta priority set ${list} map @lists goto sticky_pick`,
      'goto refuse',
    ],
  ]
  yield ['sticky', [`meta priority set ${list} . ${client} map @affinity goto sticky_pinned`, 'goto sticky_pick']]
}

function* dispatchChains({ ip }: Words): Generator<[string, string[]]> {
  const plain = sizeClasses.map((n, index) => `${((1 + index) << 4).toString(16)}:0 : goto lb-${n}`)
  const address = `${ip} daddr . meta l4proto . th dport`
  yield [
    'by_size',
    [
      `meta priority & ff0:0 vmap { ${[...plain, 'ff0:0 : goto no_local'].join(', ')} }`,
      // One way to the chain, not one a size: with one a size Linux 6.1 took 18 times as long to load the rules, as if it validated a chain again for each way to it.
      'meta priority & 800:0 == 800:0 goto sticky',
      'goto missed',
    ],
  ]
  yield [
    'all_endpoints',
    [
      `meta priority set ${list} map @lists goto by_size`,
      `meta priority set ${list} map @lists goto by_size`,
      'goto refuse',
    ],
  ]
  yield [
    'external_local',
    [
      `${ip} saddr @pod_sources goto all_endpoints`,
      'iifname @pod_ifaces goto all_endpoints',
      'fib saddr type local goto all_endpoints',
      `meta priority set ${list} map @local_lists goto by_size`,
      `meta priority set ${list} map @local_lists goto by_size`,
      `meta priority set ${list} map @lists goto no_local`,
      `meta priority set ${list} map @lists goto no_local`,
      'goto refuse',
    ],
  ]
  yield ['source_ranges', [...sourceRules(ip), 'counter name refused_source drop']]
  yield [
    'dispatch',
    [
      'meta priority & e000:0 == 0:0 goto all_endpoints',
      `${address} @protected accept`,
      'meta priority & 8000:0 == 8000:0 jump source_ranges',
      'meta priority & 4000:0 == 4000:0 goto external_local',
      'goto all_endpoints',
    ],
  ]
  yield ['nodeport', ['meta priority set meta l4proto . th dport map @nodeports goto dispatch']]
  yield [
    'cluster_ip_miss',
    ['fib daddr type local return', `${ip} daddr @cluster_ips goto refuse`, 'counter name unused_ip drop'],
  ]
  yield [
    'services',
    [
      `meta priority set ${address} map @services goto dispatch`,
      `${ip} daddr @nodeport_addrs goto nodeport`,
      `${ip} daddr @service_cidrs goto cluster_ip_miss`,
    ],
  ]
  for (const hook of ['prerouting', 'output']) {
    yield [
      hook,
      [`type nat hook ${hook} priority ${hookPriorities.translateDestination}; policy accept;`, 'goto services'],
    ]
  }
}

/**
 * One lookup for each length that the prefixes in `lb_sources` have, the commonest first: a hash costs the same with ten ranges or a hundred thousand, to ask and to change. A set of
 * concatenated intervals (nft_set_pipapo.c) is one lookup, walks all that is there, and is copied with each change.
 */
function* sourceRules(ip: Words['ip']): Generator<string> {
  const family = ip === 'ip' ? 'IPv4' : 'IPv6'
  const bits = bitsOf(family)
  for (let length = bits; length > 0; length -= prefixStep) {
    const mask = formatCIDR({ family, network: ((1n << BigInt(length)) - 1n) << BigInt(bits - length), length })
    const prefix = length === bits ? '' : ` & ${mask.slice(0, mask.indexOf('/'))}`
    yield `${list} | ${(length << 4).toString(16)}:0 . ${ip} saddr${prefix} @lb_sources return`
  }
}

/** The source address is decided by a second lookup of the original destination: no mark bit, no conntrack mark. */
function* sourceChains({ ip }: Words): Generator<[string, string[]]> {
  yield ['masq', ['meta priority set 0:0 masquerade fully-random']]
  yield ['source_of_cluster_ip', [`${ip} saddr @plain_sources return`, 'iifname @plain_ifaces return', 'goto masq']]
  yield [
    'source_of_local',
    [`${ip} saddr @pod_sources return`, 'iifname @pod_ifaces return', 'fib saddr type local goto masq'],
  ]
  yield [
    'source',
    [
      'meta priority & 6000:0 vmap { 0:0 : jump source_of_cluster_ip, 2000:0 : goto masq, 6000:0 : jump source_of_local }',
      `${ip} saddr . ${ip} daddr @hairpin goto masq`,
      'meta priority set 0:0',
    ],
  ]
  yield [
    'postrouting',
    [
      `type nat hook postrouting priority ${hookPriorities.translateSource}; policy accept;`,
      'ct status & dnat == 0 return',
      `${l4} meta priority set ct original ${ip} daddr . meta l4proto . ct original proto-dst map @services goto source`,
      `ct original ${ip} daddr @nodeport_addrs ${l4} meta priority set meta l4proto . ct original proto-dst map @nodeports goto source`,
    ],
  ]
}
