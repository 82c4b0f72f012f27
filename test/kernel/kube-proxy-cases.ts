/**
 * The behaviours that kube-proxy's own unit tests ask for in every mode or in nftables mode, by number, and where each is held here. `tests` are titles (or the pieces of one
 * that its source has), below the file that has them; `why` says why a case, or a part of it, has none.
 */
export interface KubeProxyCase {
  number: number
  what: string
  tests: readonly (readonly [file: string, title: string])[]
  why?: string
}

const suite = 'test/kernel/service-suite.ts'
const cases = 'test/kernel/service-cases.ts'
const sctp = 'test/kernel/service-sctp-suite.ts'
const services = 'test/kernel/services.test.ts'
const unit = 'src/proxy/nftables/cases.test.ts'
const decode = 'src/proxy/decode.test.ts'
const hints = 'src/model/endpoints.hints.test.ts'
const table = 'src/model/service-table.test.ts'
const effects = 'src/proxy/nftables/effects.test.ts'
const subjects = 'src/proxy/subjects.test.ts'
const scheduler = 'src/reconcile/scheduler.test.ts'
const reconciler = 'src/reconcile/reconciler.test.ts'

export const kubeProxyCases: readonly KubeProxyCase[] = [
  {
    number: 1,
    what: 'a ClusterIP from a pod and from the node; other ports and protocols refused',
    tests: [
      [suite, '27 and 31, every flow'],
      [cases, '1 another port of a ClusterIP'],
      [suite, '1 a protocol that a ClusterIP does not serve'],
    ],
  },
  {
    number: 2,
    what: 'several ports, each to its own target; an endpoint that reaches itself',
    tests: [
      [suite, '2 each port leads to its own target'],
      [cases, '2 a pod that reaches itself'],
      [suite, '2 a pod among several endpoints'],
      [sctp, '2 SCTP of a pod to itself is masqueraded'],
    ],
  },
  {
    number: 3,
    what: 'TCP, UDP and SCTP on one port number',
    tests: [
      [cases, '3 UDP beside TCP, from a pod'],
      [sctp, '3 TCP, UDP and SCTP on one port number lead to their own endpoints'],
    ],
  },
  {
    number: 6,
    what: 'no endpoints: refused at once, at every kind of address and policy',
    tests: [
      [cases, '6 ${kind} of ${name} from ${from}'],
      [sctp, 'without endpoints: port unreachable'],
    ],
  },
  {
    number: 7,
    what: 'headless, ExternalName, of another proxy; changes of type',
    tests: [
      [decode, '7 headless'],
      [decode, '7 ExternalName'],
      [unit, '7 headless, ExternalName and proxied Services leave'],
    ],
  },
  {
    number: 8,
    what: 'addresses with leading zeros',
    tests: [
      [decode, '8 spells addresses as the kernel does'],
      [table, '8 leading zeros'],
    ],
  },
  {
    number: 9,
    what: 'ready endpoints only; absent conditions',
    tests: [
      [decode, '9 reads conditions that are absent'],
      [unit, '9 conditions that are not said count as ready'],
    ],
  },
  { number: 10, what: 'ready, draining and ended ones', tests: [[unit, '10 ready endpoints where there are any']] },
  { number: 11, what: 'nobody ready anywhere', tests: [[unit, '11 nobody ready anywhere']] },
  {
    number: 12,
    what: 'terminating here, ready elsewhere',
    tests: [[unit, '12 only terminating ones here and a ready one elsewhere']],
  },
  {
    number: 13,
    what: 'policy Local and terminating ones elsewhere',
    tests: [[unit, '13 policy Local and only terminating ones elsewhere']],
  },
  {
    number: 14,
    what: 'an endpoint in two slices',
    tests: [
      [hints, '14 the copy that does not terminate counts'],
      [unit, '14 an endpoint that moves from slice to slice stays one'],
    ],
  },
  {
    number: 15,
    what: 'slices that change nothing, or nothing of ours',
    tests: [
      [subjects, '15 a slice of the other family: nothing'],
      [subjects, '15 a slice that says the same: nothing'],
      [decode, '15 leaves out ports without a number'],
      ['src/model/endpoints.test.ts', 'ignores ports of another name or protocol'],
      ['src/kube/store.test.ts', 'merges changes of one key and leaves out what cancels out'],
    ],
  },
  { number: 17, what: 'hints for zones', tests: [[hints, '17 an endpoint counts for each of its zones']] },
  {
    number: 18,
    what: 'hints that do not count',
    tests: [
      [hints, '18 one ready endpoint without a hint: everybody'],
      [hints, '18 unready endpoints without a hint do not count'],
      [hints, '18 a node without a zone'],
      [hints, '18 a zone without an endpoint'],
    ],
  },
  {
    number: 19,
    what: 'hints for nodes',
    tests: [
      [hints, '19 this node before its zone'],
      [hints, '19 nobody for this node: its zone'],
      [hints, '19 some without a node: the zone'],
    ],
  },
  { number: 20, what: 'policy Local and hints', tests: [[hints, '20 policy Local does not ask for hints']] },
  {
    number: 21,
    what: 'node ports from outside and from the node, both families',
    tests: [
      [suite, '27 and 31, every flow'],
      [table, '21 its node port'],
    ],
  },
  {
    number: 22,
    what: 'which addresses serve node ports',
    tests: [
      [suite, '22 serves those in --nodeport-addresses'],
      [cases, '22 a node port at another address of the node'],
    ],
  },
  { number: 23, what: 'node ports at localhost: never', tests: [[suite, '22 serves those in --nodeport-addresses']] },
  {
    number: 26,
    what: 'external policy Local keeps the source',
    tests: [
      [suite, '27 and 31, every flow'],
      [table, '26 external policy Local'],
      [sctp, '26 SCTP with policy Local'],
    ],
  },
  { number: 27, what: 'external policy Local from inside', tests: [[suite, '27 and 31, every flow']] },
  {
    number: 28,
    what: 'external policy Local and the ClusterIP',
    tests: [
      [suite, '27 and 31, every flow'],
      [unit, '28 external policy Local leaves the ClusterIP alone'],
    ],
  },
  {
    number: 29,
    what: 'external policy Local, endpoints elsewhere; the metric',
    tests: [
      [cases, '29 external policy Local, endpoints elsewhere, outside'],
      [cases, '29 the same from a pod'],
      ['src/agent/service-counts.test.ts', '29 30 count by policy and family'],
    ],
  },
  {
    number: 30,
    what: 'internal policy Local; the metric',
    tests: [
      [cases, '30 internal policy Local, endpoints elsewhere, from a pod'],
      [table, '30 internal policy Local'],
      ['src/agent/service-counts.test.ts', '29 30 count by policy and family'],
    ],
  },
  { number: 31, what: 'who is masqueraded', tests: [[suite, '27 and 31, every flow']] },
  {
    number: 33,
    what: 'source ranges',
    tests: [
      [suite, '33 lets only the allowed clients in to a load balancer'],
      [table, '33 blanks around'],
      [table, '33 this node is inside'],
    ],
  },
  {
    number: 35,
    what: 'ipMode, and names in place of addresses',
    tests: [
      [decode, '35 takes load-balancer addresses that are the Service itself'],
      [unit, '35 an address whose ipMode is Proxy, and a name'],
    ],
  },
  {
    number: 37,
    what: 'ranges of length 0, and of the other family',
    tests: [[suite, '37 lets everybody in with a range of length 0']],
  },
  {
    number: 38,
    what: 'external IPs of both families, and with policy Local',
    tests: [
      [unit, '38 external IPs of both families'],
      [table, '38 external policy Local at an external IP'],
      [suite, '38 gives an address that two Services ask for to the older one'],
    ],
  },
  {
    number: 40,
    what: 'external IPs without endpoints',
    tests: [
      [cases, '6 ${kind} of ${name} from ${from}'],
      [unit, '40 an external IP without endpoints refuses'],
    ],
  },
  {
    number: 41,
    what: 'session affinity',
    tests: [
      [suite, '41 a client stays with its endpoint'],
      ['test/kernel/affinity-full.test.ts', 'last as long as the Service says'],
      ['src/proxy/nftables/sticky.test.ts', '41 an endpoint keeps its id'],
      [sctp, '41 an SCTP client stays with its endpoint'],
    ],
  },
  {
    number: 42,
    what: 'health-check node ports',
    tests: [
      ['src/proxy/health-check/servers.test.ts', 'answers 200 with endpoints here, 503 without, and with the weight'],
      ['src/proxy/health-check/servers.test.ts', 'opens and closes what changes, and nothing else'],
      ['src/proxy/health-check/view.test.ts', 'count the ready endpoints of this node and family by address'],
      ['src/proxy/health-check/view.test.ts', 'are asked over the families of the Service alone'],
    ],
  },
  { number: 43, what: 'no rule for them', tests: [[unit, '43 health-check node ports need no rule']] },
  {
    number: 44,
    what: '/healthz and /livez',
    tests: [
      ['src/agent/health.test.ts', 'is 503 when a part does not keep up'],
      ['src/agent/health.test.ts', 'is to be removed'],
      ['test/kernel/agent-pages.test.ts', 'turns load balancers away from a node that is about to go, and lives on'],
      ['src/daemon/progress.test.ts', 'counts from the oldest update that waits'],
    ],
  },
  {
    number: 51,
    what: 'a change writes what changed',
    tests: [
      [reconciler, 'writes only what differs'],
      [services, 'makes one endpoint change a handful of element operations in one transaction'],
      [reconciler, 'commits the good subjects of a failing batch and retries the bad one alone'],
    ],
    why: 'A failure makes no full sync next: the bad subject is retried alone. Nothing waits for a second before it is removed, since elements have no users to wait for.',
  },
  {
    number: 52,
    what: 'a start with stale and right elements',
    tests: [
      [services, 'adopts and writes only what changed while nobody was there'],
      ['test/kernel/service-killed.test.ts', 'the next one makes it right'],
    ],
  },
  {
    number: 54,
    what: 'when it runs',
    tests: [
      [scheduler, 'gathers touches for the interval that was asked for'],
      [scheduler, 'tries again what was refused'],
      [scheduler, 'audits every now and then'],
    ],
  },
  {
    number: 55,
    what: 'nothing is written before the lists are in',
    tests: [['src/daemon/lists.test.ts', '55 have started when each of them is complete, and not before']],
  },
  {
    number: 56,
    what: 'UDP flows of endpoints that are gone',
    tests: [
      [effects, '56 an endpoint left'],
      [effects, '56 TCP is left alone'],
      [suite, 'follows UDP clients to another endpoint when theirs has left'],
      ['test/kernel/service-table.test.ts', 'refuses when the last endpoint is gone'],
      ['test/kernel/service-table.test.ts', 'translates the flow of a socket that sent to the address before'],
    ],
  },
  {
    number: 57,
    what: 'an endpoint that changes its port only',
    tests: [[effects, '57 an endpoint changed its port']],
  },
  {
    number: 58,
    what: 'how many connections are tracked',
    tests: [
      ['src/agent/config.test.ts', '58 so many a core'],
      ['src/agent/config.test.ts', '58 nothing for 0'],
      ['src/proxy/host/plan.test.ts', 'and what flags add'],
    ],
  },
  {
    number: 59,
    what: 'changes of the own Node',
    tests: [
      [subjects, '59 a zone of this node: everything'],
      ['src/proxy/nftables/plan.test.ts', 'says so where node ports cannot be served: no such Node'],
    ],
    why: 'Other pod CIDRs are planned anew, where kube-proxy exits; without a Node there is no address to fall back to after 30 s, it is said instead.',
  },
  {
    number: 60,
    what: '--cleanup',
    tests: [['test/kernel/cleanup.test.ts', 'removes all that is ours and nothing else, and again is no error']],
  },
]

/** Numbers that are about other modes alone: IPVS 4, 5, 16, 24, 25, 32, 34, 36, 39, 45 to 50; iptables 53. */
export const otherModes: ReadonlySet<number> = new Set([4, 5, 16, 24, 25, 32, 34, 36, 39, 45, 46, 47, 48, 49, 50, 53])
