// What one tries first in MQTTX, step by step on its engine, MQTT.js. MQTT 5 unless VERSION is 3.1.1.
//
//   node steps.mjs URL CUT_URL      such as mqtt://127.0.0.1:1883, mqtts://, ws://…/mqtt, wss://…/mqtt; trusts the file CA
//
// CUT_URL is a way to the same broker that somebody cuts, without any FIN, when the program asks for it.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

// MQTT.js is where setup.sh has put it, not beside this file.
const mqtt = createRequire(process.env.MQTTJS + '/')('mqtt')
const [url, cutURL] = process.argv.slice(2)
const five = process.env.VERSION !== '3.1.1'
const say = (...words) => console.log(...words)

async function connect(clientId, options = {}, where = url) {
  const client = await mqtt.connectAsync(where, {
    clientId,
    protocolVersion: five ? 5 : 4,
    ca: process.env.CA ? readFileSync(process.env.CA) : undefined,
    reconnectPeriod: 0,
    ...options,
  }, false)
  client.got = []
  client.waiting = () => {}
  client.on('message', (topic, payload, { qos, retain }) => {
    client.got.push(`${topic} ${payload}: QoS ${qos}, RETAIN ${Number(retain)}`)
    client.waiting()
  })
  client.on('error', (problem) => say('error:', problem.message))
  return client
}

// until resolves once the client has received so many messages, and returns them.
async function until(client, count) {
  while (client.got.length < count) await new Promise((resolve) => (client.waiting = resolve))
  return client.got
}

say('== wildcards')
let subscriber = await connect('subscriber')
await subscriber.subscribeAsync({ 'rooms/+/temperature': { qos: 1 }, 'alarms/#': { qos: 1 } })
const publisher = await connect('publisher')
for (const topic of ['rooms/kitchen/temperature', 'rooms/kitchen/humidity', 'rooms/cellar/wine/temperature', 'alarms', 'alarms/fire/cellar'])
  await publisher.publishAsync(topic, 'hello', { qos: 1 })
say((await until(subscriber, 3)).join('\n'))
await subscriber.endAsync()

say('== retained: only the last')
for (const payload of ['first', 'second', 'third']) await publisher.publishAsync('rooms/kitchen/lamp', payload, { qos: 1, retain: true })
subscriber = await connect('subscriber')
await subscriber.subscribeAsync('rooms/kitchen/lamp', { qos: 1 })
say((await until(subscriber, 1)).join('\n'))
await publisher.publishAsync('rooms/kitchen/lamp', '', { retain: true })
await subscriber.endAsync()

say('== a session that outlives the connection: what came while the client was offline')
const persistent = { clean: false, properties: five ? { sessionExpiryInterval: 300 } : undefined }
subscriber = await connect('sleeper', persistent)
await subscriber.subscribeAsync('mail', { qos: 1 })
await subscriber.endAsync()
for (let n = 1; n <= 1005; n++) await publisher.publishAsync('mail', `letter ${n}`, { qos: 1 })
// The messages follow CONNACK at once, so somebody must listen before it comes.
subscriber = mqtt.connect(url, {
  clientId: 'sleeper', protocolVersion: five ? 5 : 4, ca: process.env.CA ? readFileSync(process.env.CA) : undefined, reconnectPeriod: 0, ...persistent,
})
const letters = []
await new Promise((resolve) => {
  subscriber.on('connect', ({ sessionPresent }) => say('session present', sessionPresent))
  // While the queue is full this is dropped too; what gets through comes behind the letters.
  const end = setInterval(() => publisher.publish('mail', 'end', { qos: 1 }), 200)
  subscriber.on('message', (_topic, payload) => (`${payload}` === 'end' ? resolve(clearInterval(end)) : letters.push(`${payload}`)))
})
say(`${letters.length} of 1005 letters, from ${letters[0]} to ${letters.at(-1)}`)
await subscriber.endAsync()

say('== a retained Will at QoS 1, Keep Alive 5')
const witness = await connect('witness')
await witness.subscribeAsync('rooms/kitchen/sensor', { qos: 1 })
const sensor = await connect('sensor', { keepalive: 5, will: { topic: 'rooms/kitchen/sensor', payload: 'offline', qos: 1, retain: true } }, cutURL)
sensor.removeAllListeners('error').on('error', () => {}) // that its Keep Alive has passed it notices itself
await sensor.publishAsync('rooms/kitchen/sensor', 'online', { qos: 1, retain: true })
await until(witness, 1)
say('cut the network')
const cut = Date.now()
await until(witness, 2)
say(witness.got.join('\n'))
const waited = (Date.now() - cut) / 1000
say(waited > 2 && waited < 9 ? 'within 1.5 x Keep Alive' : `after ${waited} s`)
const late = await connect('late')
await late.subscribeAsync('rooms/kitchen/sensor', { qos: 1 })
say((await until(late, 1)).join('\n'))
await publisher.publishAsync('rooms/kitchen/sensor', '', { retain: true })
process.exit()
