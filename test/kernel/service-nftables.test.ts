import { nftablesProxy } from '../../src/proxy/nftables/index.ts'
import { sctpSuite } from './service-sctp-suite.ts'
import { type Mode, serviceSuite } from './service-suite.ts'

const nftables: Mode = {
  name: 'nftables',
  start: async (view, family, namespace) => {
    const proxy = nftablesProxy({ view, family, clusterUid: 'c5a8c6e0-0000-4000-8000-000000000001', namespace })
    await proxy.start()
    return proxy.reconciler
  },
}

serviceSuite(nftables)
sctpSuite(nftables)
