package org.hccconversion.hapi;

import ca.uhn.fhir.batch2.maintenance.JobMaintenanceServiceImpl;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.interceptor.RequestValidatingInterceptor;
import ca.uhn.fhir.validation.IInstanceValidatorModule;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * Starts the server on a loopback port, writes its address into a file and ends with its standard input.
 *
 * <p>Arguments: ADDRESS_FILE [--token TOKEN] [--validate-requests]
 */
public final class Serve {
    private static final long JOB_MILLIS = 1000; // bulk export takes minutes at the default of one minute

    private Serve() {}

    public static void run(String[] args) throws Exception {
        AnnotationConfigApplicationContext spring = new AnnotationConfigApplicationContext();
        spring.addBeanFactoryPostProcessor(beans -> beans.addBeanPostProcessor(new FastJobs()));
        spring.register(ServerConfig.class);
        spring.refresh();
        RestfulServer fhir = spring.getBean(RestfulServer.class);
        apply(args, fhir, spring.getBean(IInstanceValidatorModule.class));
        Server jetty = listen(fhir);
        announce(Path.of(args[0]), ((ServerConnector) jetty.getConnectors()[0]).getLocalPort());
        System.in.transferTo(java.io.OutputStream.nullOutputStream()); // the caller's end is our end
        jetty.stop();
        spring.close();
    }

    private static void apply(String[] args, RestfulServer fhir, IInstanceValidatorModule module) {
        for (int i = 1; i < args.length; i++) {
            switch (args[i]) {
                case "--token" -> fhir.registerInterceptor(new TokenGuard(args[++i]));
                case "--validate-requests" -> fhir.registerInterceptor(validation(module));
                default -> throw new IllegalArgumentException("unknown argument " + args[i]);
            }
        }
    }

    private static RequestValidatingInterceptor validation(IInstanceValidatorModule module) {
        RequestValidatingInterceptor interceptor = new RequestValidatingInterceptor();
        interceptor.addValidatorModule(module);
        interceptor.setFailOnSeverity(ResultSeverityEnum.ERROR);
        return interceptor;
    }

    private static Server listen(RestfulServer fhir) throws Exception {
        Server jetty = new Server();
        ServerConnector connector = new ServerConnector(jetty);
        connector.setHost("127.0.0.1");
        connector.setPort(0);
        jetty.addConnector(connector);
        ServletContextHandler handler = new ServletContextHandler("/");
        handler.addServlet(new ServletHolder(fhir), "/fhir/*");
        jetty.setHandler(handler);
        jetty.start();
        return jetty;
    }

    private static void announce(Path file, int port) throws Exception {
        Path draft = Path.of(file + ".draft");
        Files.writeString(draft, "http://127.0.0.1:" + port + "/fhir");
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Looks for finished batch steps each second. */
    private static final class FastJobs implements BeanPostProcessor {
        @Override
        public Object postProcessBeforeInitialization(Object bean, String name) {
            if (bean instanceof JobMaintenanceServiceImpl jobs) {
                jobs.setScheduledJobFrequencyMillis(JOB_MILLIS);
            }
            return bean;
        }
    }
}
