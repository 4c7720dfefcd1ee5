package org.hccconversion.hapi;

import java.util.Arrays;

/** The door of the test server and of the validator: {@code serve ...} or {@code validate ...}. */
public final class Main {
    private Main() {}

    public static void main(String[] args) {
        try {
            String[] rest = Arrays.copyOfRange(args, 1, args.length);
            switch (args[0]) {
                case "serve" -> Serve.run(rest);
                case "validate" -> Validate.run(rest);
                default -> throw new IllegalArgumentException("serve or validate, not " + args[0]);
            }
            System.exit(0);
        } catch (Throwable failure) { // whatever it is, the caller must see it in the log and not wait
            failure.printStackTrace();
            System.exit(1);
        }
    }
}
