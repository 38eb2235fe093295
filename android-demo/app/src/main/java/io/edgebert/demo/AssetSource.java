package io.edgebert.demo;

import android.content.res.AssetManager;
import io.edgebert.core.BundleSource;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;

/** The bundle among the assets of the app, where {@code edgebert embed} puts it. */
final class AssetSource implements BundleSource {
  private static final String FOLDER = "edgebert/";

  private final AssetManager assets;

  AssetSource(AssetManager assets) {
    this.assets = assets;
  }

  @Override
  public InputStream open(String file) throws IOException {
    return assets.open(FOLDER + file);
  }

  /** Returns whether the app holds a file. */
  boolean has(String file) {
    try {
      open(file).close();
      return true;
    } catch (FileNotFoundException error) {
      return false;
    } catch (IOException error) {
      // It is there; reading it will say what is wrong with it.
      return true;
    }
  }
}
