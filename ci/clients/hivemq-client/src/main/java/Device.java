import com.hivemq.client.mqtt.MqttClient;
import com.hivemq.client.mqtt.MqttClientBuilder;
import com.hivemq.client.mqtt.MqttClientSslConfig;
import com.hivemq.client.mqtt.MqttClientState;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collection;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.TrustManagerFactory;

/** A device built on hivemq-mqtt-client, for MQTT 3.1.1 and 5. ../README.md tells how devices behave. */
public final class Device {
    static final String ME = setting("ID", "device-1");

    static String setting(String name, String fallback) {
        String value = System.getenv("DEVICE_" + name);
        return value == null || value.isEmpty() ? fallback : value;
    }

    static int number(String name, String fallback) {
        return Integer.parseInt(setting(name, fallback));
    }

    static String topic(String leaf) {
        return "device/" + ME + "/" + leaf;
    }

    /** What both versions have in common of a running client. */
    interface Running {
        boolean connected();

        void telemetry(int n);

        void end() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        String transport = setting("TRANSPORT", "tcp");
        MqttClientBuilder builder = MqttClient.builder()
                .identifier(ME)
                .serverHost(setting("HOST", "127.0.0.1"))
                .serverPort(number("PORT", "1883"))
                .automaticReconnectWithDefaultConfig()
                .addDisconnectedListener(c -> System.out.println("disconnected: " + c.getCause().getMessage()));
        if (transport.equals("tls")) {
            builder = builder.sslConfig(security());
        } else if (!transport.equals("tcp")) {
            throw new IllegalArgumentException("this device speaks no " + transport);
        }
        Running device = setting("VERSION", "5").equals("5") ? new Five(builder) : new Three(builder);
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            main.interrupt();
            try {
                device.end();
            } catch (Exception problem) {
                System.out.println("not connected: " + problem.getMessage());
            }
        }));
        try {
            for (int n = 0; ; n++) {
                Thread.sleep((long) (1000 * Double.parseDouble(setting("INTERVAL", "5"))));
                if (device.connected()) {
                    device.telemetry(n);
                }
            }
        } catch (InterruptedException stopped) {
            // the shutdown hook says goodbye
        }
    }

    static boolean connected(MqttClientState state) {
        return state.isConnected();
    }

    static void report(Object done, Throwable problem) {
        if (problem != null) {
            System.out.println("error: " + problem.getMessage());
        }
    }

    private static MqttClientSslConfig security() throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        int n = 0;
        for (Certificate certificate : certificates(factory, setting("CA", ""))) {
            trusted.setCertificateEntry("ca" + n++, certificate);
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        KeyManagerFactory keys = null;
        if (!setting("CERT", "").isEmpty()) {
            String pem = Files.readString(Path.of(setting("KEY", "")));
            byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
            KeyStore own = KeyStore.getInstance("PKCS12");
            own.load(null, null);
            own.setKeyEntry("device", KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(der)), new char[0],
                    certificates(factory, setting("CERT", "")).toArray(new Certificate[0]));
            keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keys.init(own, new char[0]);
        }
        return MqttClientSslConfig.builder().trustManagerFactory(trust).keyManagerFactory(keys).build();
    }

    private static Collection<? extends Certificate> certificates(CertificateFactory factory, String file) throws Exception {
        try (InputStream in = new ByteArrayInputStream(Files.readAllBytes(Path.of(file)))) {
            return factory.generateCertificates(in);
        }
    }
}
