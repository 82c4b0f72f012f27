import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { type ControllerConfig, type PodCIDRFlags, podCIDRSettings } from '../controller/config.ts'
import { dryRunController, runController } from '../controller/controller.ts'
import { parseListenAddress } from '../daemon/listen-address.ts'
import { WeftError } from '../model/error.ts'
import { runDaemon } from './daemon.ts'
import type { OutputFormat } from './output.ts'

interface Options extends PodCIDRFlags {
  kubeconfig?: string
  runDir: string
  allocateNodeCidrs?: boolean
  leaderElectLeaseDuration: string
  leaderElectRenewDeadline: string
  leaderElectRetryPeriod: string
  leaderElectResourceNamespace: string
  leaderElectResourceName: string
  healthzBindAddress: string
  metricsBindAddress: string
  bindAddressHardFail?: boolean
  dryRun?: boolean
  output: OutputFormat
}

/** `weft controller` */
export async function run(options: Options): Promise<number> {
  const config = configOf(options)
  return runDaemon(
    {
      run: (log, signal) => runController(config, log, signal),
      dryRun: (log, signal) => dryRunController(config, log, signal),
      nothing: 'every Node has what it is to have',
    },
    options,
  )
}

function configOf(options: Options): ControllerConfig {
  if (!options.allocateNodeCidrs) throw nothingToDo()
  return {
    kubeconfig: options.kubeconfig,
    runDir: options.runDir,
    // The same host may run two, and a name may come back with another process behind it.
    identity: `${hostname()}_${randomUUID()}`,
    podCIDRs: podCIDRSettings(options),
    leaderElection: {
      namespace: options.leaderElectResourceNamespace,
      name: options.leaderElectResourceName,
      leaseDurationSeconds: seconds('--leader-elect-lease-duration', options.leaderElectLeaseDuration),
      renewDeadlineSeconds: seconds('--leader-elect-renew-deadline', options.leaderElectRenewDeadline),
      retryPeriodSeconds: seconds('--leader-elect-retry-period', options.leaderElectRetryPeriod),
    },
    healthzBindAddress: parseListenAddress('--healthz-bind-address', options.healthzBindAddress),
    metricsBindAddress: parseListenAddress('--metrics-bind-address', options.metricsBindAddress),
    bindAddressHardFail: options.bindAddressHardFail ?? false,
  }
}

const nothingToDo = (): WeftError =>
  new WeftError('the controller was asked for nothing', {
    code: 'CONTROLLER_NOTHING_TO_DO',
    fault: 'user',
    where: 'weft controller',
    remedy: 'add --allocate-node-cidrs, where nobody else gives pod CIDRs to Nodes',
  })

function seconds(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text)
  const unit = { ms: 0.001, s: 1, m: 60 }[match?.[2] ?? '']
  if (unit !== undefined) return Number(match?.[1]) * unit
  throw new WeftError(`"${text}" is no duration`, {
    code: 'CONFIG_DURATION_INVALID',
    fault: 'user',
    where: flag,
    remedy: 'write a number with its unit, e.g. 15s or 1m',
  })
}
