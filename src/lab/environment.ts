/** What the processes of a lab inherit: all but what tells K3s on this machine about itself (`K3S_CONFIG_FILE`, `K3S_NODE_NAME`), which agents would take for their own. */
export const labEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('K3S_')))
