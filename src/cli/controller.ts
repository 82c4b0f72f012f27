import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { controllerFlags } from '../config/controller-flags.ts'
import { loadSettings } from '../config/settings.ts'
import { controllerConfig } from '../controller/config.ts'
import { dryRunController, runController } from '../controller/controller.ts'
import { givenFlags } from './config-options.ts'
import { type DaemonOptions, runDaemon } from './daemon.ts'

/** `weft controller` */
export async function run(options: DaemonOptions): Promise<number> {
  const settings = await loadSettings(controllerFlags, givenFlags(controllerFlags, options), process.env)
  // The same host may run two, and a name may come back with another process behind it.
  const config = controllerConfig(settings, `${hostname()}_${randomUUID()}`)
  return runDaemon(
    {
      run: (log, signal) => runController(config, log, signal),
      dryRun: (log, signal) => dryRunController(config, log, signal),
      nothing: 'every Node has what it is to have',
    },
    options,
  )
}
