package org.hccconversion.hapi;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/**
 * The reference validator: one line of JSON out, an array of messages, for each resource in.
 *
 * <p>Arguments: files (JSON or .ndjson) and folders of them; none means NDJSON on standard input, answered line by line.
 */
public final class Validate {
    private final FhirValidator validator;
    private final ObjectMapper json = new ObjectMapper();
    private final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    private Validate() {
        FhirContext context = FhirContext.forR4();
        ValidationSupportChain chain = new ValidationSupportChain(
                new DefaultProfileValidationSupport(context),
                new CommonCodeSystemsTerminologyService(context),
                new InMemoryTerminologyServerValidationSupport(context),
                new SnapshotGeneratingValidationSupport(context));
        FhirInstanceValidator module = new FhirInstanceValidator(chain);
        module.setAnyExtensionsAllowed(true);
        validator = context.newValidator().registerValidatorModule(module);
    }

    public static void run(String[] args) throws Exception {
        Validate validate = new Validate();
        if (args.length == 0) {
            validate.lines(new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)), "-");
        }
        for (String arg : args) {
            validate.path(Path.of(arg));
        }
    }

    private void path(Path path) throws Exception {
        if (Files.isDirectory(path)) {
            try (Stream<Path> children = Files.list(path)) {
                List<Path> sorted = children.sorted().toList();
                for (Path child : sorted) {
                    path(child);
                }
            }
        } else if (path.toString().endsWith(".ndjson")) {
            try (BufferedReader reader = Files.newBufferedReader(path)) {
                lines(reader, path.toString());
            }
        } else if (path.toString().endsWith(".json")) {
            one(Files.readString(path), path.toString());
        }
    }

    private void lines(BufferedReader reader, String name) throws Exception {
        int number = 0;
        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
            number++;
            if (!line.isBlank()) {
                one(line, name + ":" + number);
            }
        }
    }

    private void one(String resource, String source) throws Exception {
        ArrayNode messages = json.createArrayNode();
        try {
            for (SingleValidationMessage found : validator.validateWithResult(resource).getMessages()) {
                add(messages, source, found.getSeverity().getCode(), found.getLocationString(), found.getMessage());
            }
        } catch (RuntimeException refusal) { // not FHIR at all: that is a finding too, and the next line still counts
            add(messages, source, "fatal", "", String.valueOf(refusal.getMessage()));
        }
        out.println(json.writeValueAsString(messages));
    }

    private static void add(ArrayNode messages, String source, String severity, String location, String text) {
        ObjectNode node = messages.addObject();
        node.put("source", source);
        node.put("severity", severity);
        node.put("location", location);
        node.put("message", text);
    }
}
