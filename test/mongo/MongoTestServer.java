import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.ServerVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import java.net.InetSocketAddress;

/** A server of MongoDB's wire protocol. Arguments: the port (0 = a free one), and the file of the data (none = memory). */
public final class MongoTestServer {
    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        MongoBackend backend;
        if (arguments.length > 1) {
            backend = new H2Backend(arguments[1]).version(ServerVersion.MONGO_5_0);
        } else {
            backend = new IndexedBackend().version(ServerVersion.MONGO_5_0);
        }
        MongoServer server = new MongoServer(backend);
        server.bind(new InetSocketAddress("127.0.0.1", port));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        System.out.println("PORT " + server.getLocalAddress().getPort());
        System.out.flush();
        // The server ends with the test that holds the other end of standard input.
        while (System.in.read() >= 0) {
        }
        System.exit(0);
    }
}
