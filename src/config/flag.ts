import type { TypeName, ValueOf } from './types.ts'

/** Where a setting's value came from, the later ones winning. */
export const origins = ['default', 'K3s config file', 'kube-proxy config file', '--kube-proxy-arg', 'flag'] as const
export type Origin = (typeof origins)[number]

/** One row a flag. */
export interface Flag<T extends TypeName = TypeName> {
  type: T
  /** As it is written; absent: the flag has no value unless somebody gives one. */
  default?: string
  /** Whose name it is: kube-proxy takes it as `--kube-proxy-arg` too, k3s as a key of config.yaml. */
  of: readonly ('kube-proxy' | 'k3s' | 'weft')[]
  /** Where it stands in a KubeProxyConfiguration (v1alpha1), as a path with dots. */
  field?: string
  help: string
  choices?: readonly string[]
  /** Says what is wrong with a value that is well written; undefined: nothing. */
  check?: (value: ValueOf<T>) => string | undefined
  /** Taken so that existing files and units go on working, and said once when it is set: why it changes nothing. */
  noEffect?: string
}

/** Keeps each row's type, so that the values have theirs. */
export const flag = <T extends TypeName, R extends { default?: string }>(row: Flag<T> & R): Flag<T> & R => row

export type FlagTable = Readonly<Record<string, Flag<any>>>

type IsSet<F> = F extends { default: string } ? true : false

/** The values of a table's flags, by name; undefined where there is no default and nobody gave one. */
export type Values<T extends FlagTable> = {
  [K in keyof T]: T[K] extends Flag<infer Type>
    ? IsSet<T[K]> extends true
      ? ValueOf<Type>
      : ValueOf<Type> | undefined
    : never
}
