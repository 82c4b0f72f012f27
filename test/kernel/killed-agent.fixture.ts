import { runPart } from '../../src/daemon/run-part.ts'
import { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { families } from '../../src/model/ip.ts'
import { nftablesProxy } from '../../src/proxy/nftables/index.ts'
import { churn, churnCluster, churnView } from './churn.ts'
import { Random } from './random.ts'

/** Serves Services that change all the time until it is killed: `NAMESPACE SEED owner|plain`; begins when told to on its input. */
async function main(name: string, seed: number, tableOwner: boolean): Promise<void> {
  const random = new Random(seed)
  const view = churnView()
  churn(view, random, 400)
  const namespace = NetworkNamespace.named(name)
  process.stdout.write('ready\n')
  await new Promise((resolve) => process.stdin.once('data', resolve))
  const parts = families.map((family) =>
    nftablesProxy({ view, family, clusterUid: churnCluster, namespace, tableOwner }),
  )
  const log = (level: string, message: string, fields: object = {}): void => {
    if (level === 'error') process.stderr.write(`${message} ${JSON.stringify(fields)}\n`)
  }
  await Promise.all(parts.map((part) => runPart(part, log).started))
  process.stdout.write('synced\n')
  for (;;) {
    churn(view, random, 1 + random.below(60))
    await new Promise((resolve) => setTimeout(resolve, random.below(4)))
  }
}

const [, , name, seed, owner] = process.argv
if (process.env['WEFT_TEST_KILLED'] !== undefined && name && seed) await main(name, Number(seed), owner === 'owner')
