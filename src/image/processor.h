#pragma once

/* The features of the processor, which the C library and others have looked at when they started.
 */

enum { PROCESSOR_TEXT_SIZE = 1024 };

/* Writes what programs can find out about the processor's features, in hexadecimal. Texts are equal
 * if the features are. */
void processor_describe(char text[PROCESSOR_TEXT_SIZE]);
