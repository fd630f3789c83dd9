import java.io.FileInputStream;
import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.PasswordAuthentication;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Asks for a URL through a proxy that wants a credential, and prints the status: KIND URL HOST PORT USER PASSWORD CA. */
class Coming {
    public static void main(String[] words) throws Exception {
        InetSocketAddress proxy = new InetSocketAddress(words[2], Integer.parseInt(words[3]));
        Authenticator asked = new Authenticator() {
            @Override
            protected PasswordAuthentication getPasswordAuthentication() {
                return new PasswordAuthentication(words[4], words[5].toCharArray());
            }
        };
        SSLContext trust = trusting(words[6]);
        System.out.println(words[0].equals("client") ? byClient(words[1], proxy, asked, trust)
                                                     : byConnection(words[1], proxy, asked, trust));
    }

    static int byConnection(String url, InetSocketAddress proxy, Authenticator asked, SSLContext trust) throws Exception {
        Authenticator.setDefault(asked);
        HttpsURLConnection.setDefaultSSLSocketFactory(trust.getSocketFactory());
        Proxy way = new Proxy(Proxy.Type.HTTP, proxy);
        return ((HttpURLConnection) URI.create(url).toURL().openConnection(way)).getResponseCode();
    }

    static int byClient(String url, InetSocketAddress proxy, Authenticator asked, SSLContext trust) throws Exception {
        HttpClient client = HttpClient.newBuilder()
            .proxy(ProxySelector.of(proxy)).authenticator(asked).sslContext(trust).build();
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).build();
        return client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode();
    }

    static SSLContext trusting(String file) throws Exception {
        KeyStore known = KeyStore.getInstance(KeyStore.getDefaultType());
        known.load(null);
        try (FileInputStream pem = new FileInputStream(file)) {
            known.setCertificateEntry("origin", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(known);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }
}
