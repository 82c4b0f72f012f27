export interface Terminated {
  exitCode: number
  /** `Completed`, `Error`, `StartError`. */
  reason: string
  message?: string
  startedAt: string
  finishedAt: string
}

export interface Waiting {
  reason: string
  message?: string
}

/** How a container is, as its pod's status says. */
export interface ContainerView {
  name: string
  restart: number
  ready: boolean
  started: boolean
  state: { running: { startedAt: string } } | { terminated: Terminated } | { waiting: Waiting }
  /** How the run before this one ended. */
  last?: Terminated
}
