import type { ControllerValues, controllerFlags } from '../config/controller-flags.ts'
import type { Resolved } from '../config/resolve.ts'
import type { ListenAddress } from '../daemon/http.ts'
import { WeftError } from '../model/error.ts'
import { type PodCIDRSettings, podCIDRSettings } from './pod-cidrs/settings.ts'

/** What a controller is told by flags and files. */
export interface ControllerConfig {
  kubeconfig: string | undefined
  runDir: string
  /** Who stands for election; differs from every other candidate's. */
  identity: string
  /** Absent: Nodes get no pod CIDRs. */
  podCIDRs: PodCIDRSettings | undefined
  leaderElection: LeaderElectionSettings
  /** Where /healthz, /livez and /readyz are served. */
  healthzBindAddress: ListenAddress
  /** Where /metrics is served; may be the same. */
  metricsBindAddress: ListenAddress
  /** An address to listen on that is taken ends the controller. */
  bindAddressHardFail: boolean
  /** Told once at the start: what was set and has no effect. */
  notes: readonly string[]
}

export interface LeaderElectionSettings {
  /** False: it leads at once, and there is no Lease. */
  enabled: boolean
  namespace: string
  name: string
  leaseDurationSeconds: number
  renewDeadlineSeconds: number
  retryPeriodSeconds: number
}

/** All flags of the controller, and where they were said. */
export type ControllerSettings = Resolved<typeof controllerFlags>

/** @throws WeftError CONTROLLER_NOTHING_TO_DO, CONFIG_… for settings that do not go together */
export function controllerConfig(settings: ControllerSettings, identity: string): ControllerConfig {
  const { values } = settings
  if (!values['allocate-node-cidrs']) throw nothingToDo(settings)
  return {
    kubeconfig: values.kubeconfig,
    runDir: values['run-dir'],
    identity,
    podCIDRs: podCIDRSettings(settings),
    leaderElection: leaderElection(settings),
    healthzBindAddress: listenAddress(values['healthz-bind-address']),
    metricsBindAddress: listenAddress(values['metrics-bind-address']),
    bindAddressHardFail: values['bind-address-hard-fail'],
    notes: settings.notes,
  }
}

/** K3s' config.yaml says `allocate-node-cidrs=false` just where this controller is to take kube-controller-manager's place. */
function nothingToDo({ origins, placeOf }: ControllerSettings): WeftError {
  const isSaid = origins['allocate-node-cidrs'] !== 'default'
  return new WeftError('the controller was asked for nothing', {
    code: 'CONTROLLER_NOTHING_TO_DO',
    fault: 'user',
    where: isSaid ? placeOf('allocate-node-cidrs').where : 'weft controller',
    remedy: isSaid
      ? "add the flag --allocate-node-cidrs: what K3s' config.yaml says of it is for kube-controller-manager"
      : 'add --allocate-node-cidrs, where nobody else gives pod CIDRs to Nodes',
  })
}

/** Bare addresses take the port of the default. */
const listenAddress = ({ address, port }: ControllerValues['healthz-bind-address']): ListenAddress => ({
  address,
  port: port ?? 10_263,
})

/** client-go's rules (tools/leaderelection, NewLeaderElector), told before anything runs. */
function leaderElection({ values, placeOf }: ControllerSettings): LeaderElectionSettings {
  const leaseDurationSeconds = values['leader-elect-lease-duration']
  const renewDeadlineSeconds = values['leader-elect-renew-deadline']
  const retryPeriodSeconds = values['leader-elect-retry-period']
  const wrong = (name: keyof ControllerValues, what: string): WeftError =>
    new WeftError(what, {
      code: 'CONFIG_LEADER_ELECTION',
      fault: 'user',
      where: placeOf(name).where,
      remedy:
        'keep the proportions of the defaults: --leader-elect-lease-duration=15s --leader-elect-renew-deadline=10s --leader-elect-retry-period=2s',
    })
  if (leaseDurationSeconds <= renewDeadlineSeconds)
    throw wrong(
      'leader-elect-lease-duration',
      `a Lease of ${leaseDurationSeconds} s is over before a leader gives up, after ${renewDeadlineSeconds} s`,
    )
  if (renewDeadlineSeconds <= 1.2 * retryPeriodSeconds)
    throw wrong(
      'leader-elect-renew-deadline',
      `in ${renewDeadlineSeconds} s there is no second try, every ${retryPeriodSeconds} s and a fifth more`,
    )
  return {
    enabled: values['leader-elect'],
    namespace: values['leader-elect-resource-namespace'],
    name: values['leader-elect-resource-name'],
    leaseDurationSeconds,
    renewDeadlineSeconds,
    retryPeriodSeconds,
  }
}
